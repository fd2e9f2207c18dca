-- An image's way through its states, its attempts, and its history.

-- name: add_kind
INSERT INTO kinds (kind) VALUES (:kind) ON CONFLICT DO NOTHING

-- name: survey
UPDATE images SET surveyed = 1, source_bytes = :source_bytes, width = :width, height = :height,
    components = :components, bits = :bits, tile_width = :tile_width, tile_height = :tile_height,
    levels = :levels, colour = :colour, code_block_samples = :code_block_samples,
    whole_only = :whole_only, kind = (SELECT id FROM kinds WHERE kinds.kind = :kind), updated = :now
WHERE id = :image_id AND state = 'pending'

-- name: start
UPDATE images SET state = 'in_flight', attempts = attempts + 1, host = :host, updated = :now
WHERE id = :image AND state = 'pending'

-- name: add_attempt
INSERT INTO attempts (image, round, number, pid, host, lane, predicted_bytes, correction, started)
SELECT id, round, attempts, :pid, :host, :mode, :predicted_bytes, :correction, :now FROM images WHERE id = :image
RETURNING number

-- name: converted
UPDATE images SET storing = 1, scratch_path = :scratch_path, scratch_host = :host, source_bytes = :source_bytes,
    source_digest = :source_digest, jpeg_bytes = :jpeg_bytes, jpeg_width = :width, jpeg_height = :height,
    md5 = :md5, psnr = :psnr_db, warnings = :warnings, peak_rss_bytes = :peak_rss_bytes,
    decoded = nullif(:decoded, ''), updated = :now
WHERE id = :image AND state = 'in_flight'

-- name: done
UPDATE images SET state = 'done', storing = 0, scratch_path = NULL, updated = :now
WHERE id = :image AND state = 'in_flight' AND storing = 1

-- name: failed
UPDATE images SET state = 'failed', stage = :stage, cause = :cause, message = :message, hint = :hint,
    storing = 0, scratch_path = NULL, updated = :now
WHERE id = :image AND state IN ('pending', 'in_flight')

-- name: measure
-- What a worker reported of an image that it could not convert.
UPDATE images SET warnings = :warnings, peak_rss_bytes = :peak_rss_bytes WHERE id = :image

-- name: add_warning
UPDATE images SET warnings = json_insert(coalesce(warnings, '[]'), '$[#]', :warning) WHERE id = :image

-- name: back_to_pending
UPDATE images SET state = 'pending', storing = 0, scratch_path = NULL,
    attempts = max(0, attempts - :given_back), updated = :now
WHERE id = :image AND state = 'in_flight'

-- name: end_attempt
-- The latest attempt of this round; one that ended as converted may end once more, because its image can fail later.
UPDATE attempts SET ended = :now, outcome = :outcome, stage = :stage, cause = :cause, message = :message,
    peak_rss_bytes = coalesce(:peak_rss_bytes, peak_rss_bytes), cpu_s = coalesce(:cpu_s, cpu_s),
    wall_s = coalesce(:wall_s, wall_s), decoded = coalesce(:decoded, decoded)
WHERE id = (
        SELECT max(a.id) FROM attempts a JOIN images i ON i.id = a.image
        WHERE a.image = :image AND a.round = i.round
    )
    AND (outcome IS NULL OR outcome = 'converted')

-- name: gpu_answered
UPDATE attempts SET gpu = :gpu WHERE id = (SELECT max(id) FROM attempts WHERE image = :image)

-- name: gpu_differs
UPDATE kinds SET gpu_differs = 1 WHERE id = (SELECT kind FROM images WHERE id = :image)

-- name: explain_attempt
UPDATE attempts SET message = :reason WHERE id = (SELECT max(id) FROM attempts WHERE image = :image)

-- name: state
SELECT state FROM images WHERE id = :image

-- name: add_event
INSERT INTO events (time, level, kind, message, image, pid, host, rank)
VALUES (:now, :level, :kind, :message, :image, :pid, :host, :rank)

-- name: add_folded_event
INSERT INTO events (time, level, kind, message, image, pid, host, rank, fold, first)
VALUES (:now, :level, :kind, :message, :image, :pid, :host, 2, :fold, :now)

-- name: fold_event
-- The last event of this kind and fold becomes this one, if that is not long past.
UPDATE events SET id = (SELECT max(id) + 1 FROM events), time = :now, level = :level, message = :message,
    image = :image, pid = :pid, host = :host, times = times + 1
WHERE id = (
        SELECT id FROM events INDEXED BY events_folded
        WHERE fold IS NOT NULL AND fold = :fold AND kind = :kind ORDER BY id DESC LIMIT 1
    )
    AND time >= :last AND first >= :first AND id > :after

-- name: last_event
SELECT coalesce(max(id), 0) FROM events

-- name: aged_events
SELECT id FROM events WHERE id > :after AND id <= :upto AND rank < 2 ORDER BY id LIMIT :limit

-- name: age_events
DELETE FROM events WHERE id > :after AND id <= :upto AND rank < 2

-- name: in_flight
SELECT i.*, b.name AS batch_name,
    (SELECT r.may_be_there FROM replacements r WHERE r.image = i.id AND r.replaced IS NULL) AS may_replace
FROM images i JOIN batches b ON b.id = i.batch
WHERE i.state = 'in_flight' ORDER BY i.id

-- name: put_back_last_attempt
UPDATE attempts SET ended = :now, outcome = 'put-back', message = :reason
WHERE id = (SELECT max(id) FROM attempts WHERE image = :image) AND (outcome IS NULL OR outcome = 'converted')

-- name: overrule_store
INSERT INTO store (id, not_expected_before) VALUES (1, :now)
ON CONFLICT (id) DO UPDATE SET not_expected_before = :now
