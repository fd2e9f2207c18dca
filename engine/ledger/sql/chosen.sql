-- What is done with all images of the temporary table `chosen` at once. CROSS JOIN because SQLite takes `chosen` for large,
-- and would read all images to look each up there.

-- name: create_chosen
CREATE TEMP TABLE IF NOT EXISTS chosen (id INTEGER PRIMARY KEY)

-- name: clear_chosen
DELETE FROM temp.chosen

-- name: choose_done
-- :ids is a JSON array.
INSERT INTO temp.chosen
SELECT id FROM main.images WHERE state = 'done' AND id IN (SELECT value FROM json_each(:ids))

-- name: leave_out_taken_targets
-- Images whose target another image has that is, or will be, stored under it.
DELETE FROM temp.chosen WHERE id IN (
    SELECT i.id FROM temp.chosen c CROSS JOIN main.images i ON i.id = c.id
    WHERE EXISTS (
        SELECT 1 FROM main.images o
        WHERE o.target_key = i.target_key AND o.target = i.target AND o.id <> i.id AND o.state <> 'accepted'
    )
)

-- name: leave_out_shared_targets
-- Accepted images that share a target with one another must not come back together.
DELETE FROM temp.chosen WHERE id IN (
    SELECT i.id FROM temp.chosen c CROSS JOIN main.images i ON i.id = c.id
    CROSS JOIN main.images o ON o.target_key = i.target_key AND o.target = i.target AND o.id <> i.id
    WHERE o.id IN (SELECT id FROM temp.chosen)
)

-- name: leave_out_targets_shared_among
-- The same where only a part of the images in :ids, a JSON array, is chosen: a failed image takes its target from all
-- accepted ones, which leave_out_taken_targets leaves out then.
DELETE FROM temp.chosen WHERE id IN (
    SELECT i.id FROM temp.chosen c CROSS JOIN main.images i ON i.id = c.id
    CROSS JOIN main.images o ON o.target_key = i.target_key AND o.target = i.target AND o.id <> i.id
    WHERE i.state = 'accepted' AND o.state = 'accepted' AND o.id IN (SELECT value FROM json_each(:ids))
)

-- name: start_another_round
-- As new; the attempts and events of earlier rounds stay.
UPDATE main.images SET state = 'pending', round = round + 1, attempts = 0, surveyed = 0, stage = NULL, cause = NULL,
    message = NULL, hint = NULL, reason = NULL, storing = 0, scratch_path = NULL, warnings = '[]', psnr = NULL,
    md5 = NULL, jpeg_bytes = NULL, jpeg_width = NULL, jpeg_height = NULL, source_digest = NULL, updated = :now
WHERE id IN (SELECT id FROM temp.chosen)

-- name: accept
UPDATE main.images SET state = 'accepted', reason = :reason, updated = :now
WHERE id IN (SELECT id FROM temp.chosen)

-- name: add_events
INSERT INTO main.events (time, level, kind, message, image, pid, rank)
SELECT :now, 'info', :kind, :message, id, :pid, 0 FROM temp.chosen

-- name: known
SELECT id FROM main.images WHERE id IN (SELECT value FROM json_each(:ids))
