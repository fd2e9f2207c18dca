-- What people say of images and batches after a look at them: giving it, and what has been said.

-- name: delivered
SELECT i.state, i.md5, v.verdict, v.why, v.md5 AS seen
FROM images i LEFT JOIN verdicts v ON v.id = i.verdict WHERE i.id = :image

-- name: was_given
SELECT EXISTS (
    SELECT 1 FROM verdicts
    WHERE image = :image AND given = :given AND verdict = :verdict AND why = :why AND md5 = :md5
)

-- name: is_older
SELECT EXISTS (SELECT 1 FROM verdicts WHERE image = :image AND given > :given)

-- name: give
INSERT INTO verdicts (image, verdict, why, md5, person, given, recorded)
VALUES (:image, :verdict, :why, :md5, :person, :given, :now)

-- name: point_to_last
UPDATE images SET verdict = (SELECT id FROM verdicts WHERE image = :image ORDER BY given DESC, id DESC LIMIT 1)
WHERE id = :image

-- name: standing
SELECT id, images, pending, in_flight, done, failed, accepted, changes FROM batches WHERE name = :batch

-- name: counted
-- Of the verdicts that count.
SELECT v.verdict, count(*) AS images
FROM images i INDEXED BY images_by_verdict CROSS JOIN verdicts v ON v.id = i.verdict
WHERE i.batch = :batch AND i.verdict IS NOT NULL AND i.state = 'done' AND v.md5 = i.md5
GROUP BY v.verdict

-- name: approvals
SELECT approved, note, person, given, recorded, changes, done, failed, accepted, waiting, fine, not_fine
FROM approvals WHERE batch = :batch ORDER BY id DESC LIMIT :limit

-- name: approve
INSERT INTO approvals
    (batch, approved, note, person, given, recorded, changes, done, failed, accepted, waiting, fine, not_fine)
VALUES
    (:batch, :approved, :note, :person, :given, :now, :changes, :done, :failed, :accepted, :waiting, :fine, :not_fine)

-- name: of_image
SELECT v.verdict, v.why, v.person, v.given, v.recorded, v.md5 IS NOT i.md5 OR i.state <> 'done' AS of_another
FROM verdicts v JOIN images i ON i.id = v.image
WHERE v.image = :image ORDER BY v.given, v.id

-- name: candidates
-- What a sample is drawn from. Reads every image of the batch.
SELECT i.id, i.psnr, i.pixels, i.warnings <> '[]' AS warned, i.kind
FROM images i WHERE i.batch = (SELECT id FROM batches WHERE name = :batch) AND i.state = 'done' ORDER BY i.id
