-- Images of one target, found by the targets' keys after an import.

-- name: create_shared
-- Keys that several images have.
CREATE TEMP TABLE shared (key INTEGER PRIMARY KEY)

-- name: create_clash
-- Targets that several images want: how many, two of them, and the lines of the export that brought them.
CREATE TEMP TABLE clash (
    target TEXT PRIMARY KEY, images INTEGER, first INTEGER, last INTEGER, first_line INTEGER, last_line INTEGER
)

-- name: create_collided
CREATE TEMP TABLE collided (image INTEGER PRIMARY KEY, message TEXT)

-- name: create_alike
-- Keys with several targets.
CREATE TEMP TABLE alike (key INTEGER PRIMARY KEY)

-- name: create_freed
-- Keys that renamed images had before.
CREATE TEMP TABLE freed (key INTEGER PRIMARY KEY)

-- name: find_shared_in_export
INSERT INTO temp.shared SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1

-- name: find_shared
INSERT INTO temp.shared
SELECT target_key FROM main.images
WHERE target_key IN (SELECT key FROM temp.incoming WHERE how IN ('new', 'changed'))
GROUP BY target_key HAVING count(*) > 1

-- name: find_clashes
INSERT INTO temp.clash
SELECT target, count(*), coalesce(min(iif(state = 'done', id, NULL)), min(id)), max(id), NULL, NULL
FROM main.images
WHERE target_key IN (SELECT key FROM temp.shared) AND state <> 'accepted'
GROUP BY target HAVING count(*) > 1

-- name: find_alike
INSERT INTO temp.alike
SELECT target_key FROM main.images WHERE target_key IN (SELECT key FROM temp.shared)
GROUP BY target_key HAVING count(DISTINCT target) > 1

-- name: find_lines
UPDATE temp.clash AS c SET first_line = n.first, last_line = n.last
FROM (
    SELECT target, min(line) AS first, max(line) AS last FROM temp.incoming
    WHERE key IN (SELECT key FROM temp.shared) AND (how <> 'known' OR image IS NOT NULL)
    GROUP BY target
) AS n
WHERE n.target = c.target

-- name: find_collided
INSERT INTO temp.collided
SELECT i.id, 'image ' || o.id || ' has the same target (from ' || o.source || ')'
    || iif(c.images > 2, ', and ' || (c.images - 2) || ' more', '')
FROM main.images AS i, main.images AS o, temp.clash AS c
WHERE i.target_key IN (SELECT key FROM temp.shared) AND c.target = i.target
    AND o.id = iif(i.id = c.first, c.last, c.first) AND i.state IN ('pending', 'in_flight', 'failed')

-- name: add_collision_events
INSERT INTO main.events (time, level, kind, message, image, pid, rank)
SELECT :now, 'error', 'failed', 'target-collision: ' || c.message, i.id, :pid, 0
FROM temp.collided c JOIN main.images i ON i.id = c.image
WHERE i.cause IS NOT 'target-collision'

-- name: fail_collided
UPDATE main.images AS i SET state = 'failed', stage = 'manifest', cause = 'target-collision', hint = '', storing = 0,
    scratch_path = NULL, updated = :now, message = c.message
FROM temp.collided AS c WHERE c.image = i.id

-- name: mark_colliding
UPDATE temp.incoming AS n SET collides = 1
WHERE (n.how = 'new' AND n.target IN (SELECT target FROM temp.clash))
    OR n.image IN (SELECT id FROM main.images WHERE state = 'failed' AND cause = 'target-collision')

-- name: note_freed
INSERT OR IGNORE INTO temp.freed
SELECT i.target_key FROM temp.incoming n JOIN main.images i ON i.id = n.image
WHERE n.how = 'changed' AND i.target <> n.target

-- name: choose_freed
INSERT INTO temp.chosen
SELECT id FROM main.images
WHERE target_key IN (SELECT key FROM temp.freed) AND state = 'failed' AND cause = 'target-collision'
