-- What the supervisor takes its decisions from. The literal states let SQLite use the partial indexes.

-- name: waiting_batches
SELECT id, name, pending FROM batches WHERE pending > 0 ORDER BY id

-- name: to_survey
SELECT id, source, uuid FROM images
WHERE batch = :batch AND state = 'pending' AND surveyed = 0
ORDER BY id LIMIT :limit

-- name: to_convert
SELECT id, uuid, record, source, target, checksum, attempts, source_bytes, width, height, components, bits,
    tile_width, tile_height, levels, colour, code_block_samples
FROM images
WHERE batch = :batch AND state = 'pending' AND surveyed = 1
ORDER BY pixels DESC, id LIMIT :limit

-- name: surveyed_and_pending
SELECT count(*), total(pixels) FROM images WHERE batch = :batch AND state = 'pending' AND surveyed = 1

-- name: measured_peaks
SELECT image, lane, CAST(predicted_bytes / correction AS INTEGER), peak_rss_bytes FROM attempts
WHERE peak_rss_bytes > 0 AND predicted_bytes > 0
ORDER BY id DESC LIMIT :limit
