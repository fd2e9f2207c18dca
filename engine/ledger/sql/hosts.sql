-- Other machines, as they were seen last: a row each.

-- name: hosts
SELECT name, joined, cores, address, version, gone, how, why, images FROM hosts ORDER BY joined, name

-- name: keep
INSERT INTO hosts (name, joined, cores, address, version, gone, how, why, images)
VALUES (:name, :joined, :cores, :address, :version, :gone, :how, :why, :images)
ON CONFLICT (name) DO UPDATE SET joined = excluded.joined, cores = excluded.cores, address = excluded.address,
    version = excluded.version, gone = excluded.gone, how = excluded.how, why = excluded.why, images = excluded.images

-- name: forget
DELETE FROM hosts WHERE name = :name

-- name: engine_ended
-- For those that were there at its last sign of life; before what they had in flight is put back.
UPDATE hosts SET gone = max(joined, coalesce((SELECT max(seen) FROM engines), joined)), how = 'engine-ended',
    why = :why, images = (
        SELECT count(*) FROM images INDEXED BY images_elsewhere
        WHERE images.host = hosts.name AND images.host <> '' AND images.state = 'in_flight'
    )
WHERE gone IS NULL

-- name: run_is_over
SELECT coalesce((SELECT ended IS NOT NULL FROM runs ORDER BY id DESC LIMIT 1), 0)
