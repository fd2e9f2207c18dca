-- What the supervisor takes its decisions from. INDEXED BY because SQLite, without statistics, prefers the index
-- images_by_batch, and then reads all that is pending; a partial index is only possible with its condition in words.

-- name: waiting_batches
SELECT id, name, pending FROM batches WHERE pending > 0 AND held IS NULL ORDER BY place

-- name: to_survey
SELECT id, source, uuid FROM images INDEXED BY images_to_survey
WHERE batch = :batch AND state = 'pending' AND surveyed = 0
ORDER BY id LIMIT :limit

-- name: unread
SELECT id FROM images INDEXED BY images_to_survey
WHERE batch = :batch AND state = 'pending' AND surveyed = 0
LIMIT :limit

-- name: to_convert
SELECT id, uuid, record, source, target, checksum, attempts, source_bytes, width, height, components, bits,
    tile_width, tile_height, levels, colour, code_block_samples, whole_only,
    (SELECT k.kind FROM kinds k WHERE k.id = images.kind) AS kind, quality, subsampling,
    (SELECT r.may_be_there FROM replacements r WHERE r.image = images.id AND r.replaced IS NULL) AS may_replace
FROM images INDEXED BY images_to_start
WHERE batch = :batch AND state = 'pending' AND surveyed = 1
ORDER BY pixels DESC, id LIMIT :limit

-- name: surveyed_and_pending
SELECT count(*), total(pixels) FROM images INDEXED BY images_to_start
WHERE batch = :batch AND state = 'pending' AND surveyed = 1

-- name: measured_peaks
SELECT image, lane, CAST(predicted_bytes / correction AS INTEGER), peak_rss_bytes FROM attempts
WHERE peak_rss_bytes > 0 AND predicted_bytes > 0 AND gpu IS NULL  -- a GPU's images show nothing about the others
ORDER BY id DESC LIMIT :limit
