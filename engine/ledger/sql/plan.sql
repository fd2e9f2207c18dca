-- A slice of what the attached `plan` has, from :after up to :upto: see staging.sql. Images that are being converted, or
-- are done by now, keep what their JPEG is made from.

-- name: base
SELECT image, last_order, changed, added, retargeted FROM plan.base

-- name: add_batches
INSERT OR IGNORE INTO main.batches (id, name, added) SELECT id, name, added FROM plan.batches

-- name: add_exports
INSERT OR REPLACE INTO main.exports SELECT batch, name, added FROM plan.exports

-- name: add_events
-- A change that does not come about is told as such; a collision that does not is not told.
INSERT INTO main.events (time, level, kind, message, image, pid, rank)
SELECT e.time, e.level, e.kind,
    iif(e.kind = 'changed' AND c.moved AND i.state IN ('done', 'in_flight'), 'converted meanwhile, so kept as it is; ', '')
        || e.message,
    e.image, e.pid, 0
FROM plan.events e JOIN main.images i ON i.id = e.image LEFT JOIN plan.changed c ON c.seq = e.seq
WHERE e.seq > :after AND e.seq <= :upto AND NOT (e.kind = 'failed' AND i.state IN ('done', 'in_flight'))
ORDER BY e.seq, e.rowid

-- name: describe
UPDATE main.images AS i SET barcode = c.barcode, record = c.record, type = c.type, updated = :now
FROM plan.changed AS c WHERE c.seq > :after AND c.seq <= :upto AND i.id = c.image

-- name: choose_restarted
INSERT INTO temp.chosen
SELECT i.id FROM plan.changed c CROSS JOIN main.images i ON i.id = c.image
WHERE c.seq > :after AND c.seq <= :upto AND c.restart AND NOT c.freed AND i.state IN ('pending', 'failed')

-- name: choose_freed
INSERT INTO temp.chosen
SELECT i.id FROM plan.changed c CROSS JOIN main.images i ON i.id = c.image
WHERE c.seq > :after AND c.seq <= :upto AND c.freed AND i.state = 'failed' AND i.cause = 'target-collision'

-- name: move
UPDATE main.images AS i SET name = c.name, source = c.source, checksum = c.checksum, target = c.target,
    target_key = c.target_key
FROM plan.changed AS c
WHERE c.seq > :after AND c.seq <= :upto AND c.moved AND i.id = c.image AND i.state NOT IN ('done', 'in_flight')

-- name: add_images
INSERT INTO main.images
    (id, batch, uuid, barcode, record, name, type, source, checksum, target, target_key, updated)
SELECT image, batch, uuid, barcode, record, name, type, source, checksum, target, target_key, :now
FROM plan.added WHERE seq > :after AND seq <= :upto ORDER BY seq

-- name: fail_collided
UPDATE main.images AS i SET state = 'failed', stage = 'manifest', cause = 'target-collision', hint = '', storing = 0,
    scratch_path = NULL, updated = :now, message = p.message
FROM (
    SELECT image, message FROM plan.changed WHERE seq > :after AND seq <= :upto AND collided
    UNION ALL SELECT image, message FROM plan.added WHERE seq > :after AND seq <= :upto AND collided
) AS p
WHERE i.id = p.image AND i.state IN ('pending', 'failed')

-- name: touched
SELECT image FROM plan.changed WHERE seq > :after AND seq <= :upto AND (moved OR collided)
