-- What the writer and the readers ask. Each is the read of an index, or of a few rows.

-- name: identity
SELECT id FROM identity

-- name: account
SELECT name, images, pending, in_flight, done, failed, accepted FROM batches ORDER BY place

-- name: bytes_done
SELECT total(source_bytes), total(jpeg_bytes) FROM batches

-- name: failures_by_cause
SELECT f.cause, sum(f.images) AS images
FROM failures f JOIN batches b ON b.id = f.batch
WHERE :batch IS NULL OR b.name = :batch
GROUP BY f.cause
HAVING sum(f.images) > 0
ORDER BY 2 DESC, 1

-- name: gpu_differs
SELECT kind FROM kinds WHERE gpu_differs

-- name: made_by_gpu
SELECT count(*) FROM images INDEXED BY images_by_gpu
WHERE decoded = 'gpu' AND kind = (SELECT id FROM kinds WHERE kinds.kind = :kind)

-- name: subject
SELECT id, record, source, target FROM images WHERE id = :image

-- name: source_within
-- Either prefix is that of a directory, with its slash. Reads every row.
SELECT source FROM images
WHERE substr(source, 1, length(:absolute)) = :absolute OR substr(source, 1, length(:relative)) = :relative
LIMIT 1

-- name: source_within_or_relative
SELECT source FROM images
WHERE substr(source, 1, 1) <> '/' OR substr(source, 1, length(:absolute)) = :absolute
LIMIT 1

-- name: sources
SELECT source FROM images

-- name: last_image
SELECT coalesce(max(id), 0) FROM images

-- name: neighbours_by_id
-- :ids and :causes are JSON arrays.
SELECT id, uuid, source, width IS NOT NULL AS was_there FROM images
WHERE id IN (SELECT value FROM json_each(:ids))
    AND (state NOT IN ('failed', 'accepted') OR cause NOT IN (SELECT value FROM json_each(:causes)))

-- name: done_before
SELECT id, uuid, source, width IS NOT NULL AS was_there FROM images
WHERE state = 'done' AND id < :image ORDER BY id DESC LIMIT :limit

-- name: done_after
SELECT id, uuid, source, width IS NOT NULL AS was_there FROM images
WHERE state = 'done' AND id > :image ORDER BY id LIMIT :limit

-- name: store_overruled
SELECT not_expected_before FROM store

-- name: in_store_after
-- The first of the images done whose id is higher than :image.
SELECT target, jpeg_bytes FROM images WHERE state = 'done' AND id > :image ORDER BY id LIMIT 1

-- name: in_store_since
-- Reads all that is done, the latest rows first.
SELECT target, jpeg_bytes FROM images WHERE state = 'done' AND updated > :since ORDER BY id DESC LIMIT :limit
