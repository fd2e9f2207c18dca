-- Delivered JPEGs that are replaced because a person says so: asking for it, and what becomes of it.

-- name: delivered
SELECT state, md5, jpeg_bytes, (SELECT r.md5 FROM replacements r WHERE r.image = i.id AND r.replaced IS NULL) AS waiting
FROM images i WHERE id = :image

-- name: ask
INSERT INTO replacements (image, md5, jpeg_bytes, may_be_there, person, asked)
VALUES (:image, :md5, :jpeg_bytes, json_array(:md5), :person, :now)

-- name: set_own
UPDATE images SET quality = coalesce(:quality, quality), subsampling = coalesce(:subsampling, subsampling)
WHERE id = :image

-- name: on_its_way
-- Before it is sent.
UPDATE replacements SET may_be_there = json_insert(may_be_there, '$[#]', :md5)
WHERE image = :image AND replaced IS NULL
    AND NOT EXISTS (SELECT 1 FROM json_each(replacements.may_be_there) j WHERE j.value = :md5)

-- name: replaced
UPDATE replacements SET replaced = :now, new_md5 = (SELECT md5 FROM images WHERE id = :image)
WHERE image = :image AND replaced IS NULL

-- name: of_image
SELECT md5, jpeg_bytes, person, asked, new_md5, replaced FROM replacements WHERE image = :image ORDER BY id

-- name: waiting_object
SELECT md5, jpeg_bytes, may_be_there FROM replacements WHERE image = :image AND replaced IS NULL

-- name: counted
-- An accepted image is not converted again, and so its JPEG waits for nothing.
SELECT count(r.replaced), count(*) FILTER (WHERE r.replaced IS NULL AND i.state <> 'accepted')
FROM replacements r JOIN images i ON i.id = r.image JOIN batches b ON b.id = i.batch
WHERE :batch IS NULL OR b.name = :batch
