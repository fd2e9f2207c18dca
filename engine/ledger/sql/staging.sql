-- In a temporary database: a copy of the images of the ledger that is attached as `ledger`, and the plan made of what an
-- import has changed in it, in a file that is attached as `plan`.

-- name: stored_columns
-- Of an image: all but those that SQLite computes.
SELECT name FROM pragma_table_xinfo('images', 'main') WHERE hidden = 0

-- name: copy_batches
INSERT INTO main.batches (id, name, added) SELECT id, name, added FROM ledger.batches

-- name: copy_exports
INSERT INTO main.exports SELECT batch, name, added FROM ledger.exports

-- name: base
-- The last of each when the copy was made.
SELECT (SELECT coalesce(max(id), 0) FROM ledger.images) AS image, (SELECT coalesce(max(id), 0) FROM ledger.batches) AS batch,
    (SELECT coalesce(max(id), 0) FROM ledger.orders) AS last_order

-- name: create_touched
CREATE TABLE main.touched (
    image INTEGER PRIMARY KEY, name TEXT, source TEXT, checksum TEXT, target TEXT, round INTEGER
)

-- name: watch
CREATE TRIGGER watch AFTER UPDATE ON images BEGIN
    INSERT OR IGNORE INTO touched VALUES (OLD.id, OLD.name, OLD.source, OLD.checksum, OLD.target, OLD.round);
END

-- name: create_changed
-- `moved`: other values that the JPEG is made from; `freed`: pending again because its target is free.
CREATE TABLE plan.changed (
    seq INTEGER PRIMARY KEY, image INTEGER, barcode TEXT, record TEXT, type TEXT, name TEXT, source TEXT, checksum TEXT,
    target TEXT, target_key INTEGER, retargeted INTEGER, moved INTEGER, restart INTEGER, freed INTEGER, collided INTEGER,
    message TEXT
)

-- name: create_added
CREATE TABLE plan.added (
    seq INTEGER PRIMARY KEY, image INTEGER, batch INTEGER, uuid TEXT, barcode TEXT, record TEXT, name TEXT, type TEXT,
    source TEXT, checksum TEXT, target TEXT, target_key INTEGER, collided INTEGER, message TEXT
)

-- name: create_events
CREATE TABLE plan.events (seq INTEGER, time REAL, level TEXT, kind TEXT, message TEXT, image INTEGER, pid INTEGER)

-- name: create_batches
CREATE TABLE plan.batches (id INTEGER PRIMARY KEY, name TEXT, added REAL)

-- name: create_exports
CREATE TABLE plan.exports (batch INTEGER, name TEXT, added REAL)

-- name: create_base
CREATE TABLE plan.base (image INTEGER, last_order INTEGER, changed INTEGER, added INTEGER, retargeted INTEGER)

-- name: plan_changed
-- Images that leave a target come first, those that may have one again last.
INSERT INTO plan.changed
SELECT row_number() OVER (ORDER BY retargeted DESC, freed, id), id, barcode, record, type, name, source, checksum, target,
    target_key, retargeted, moved, restart, freed, collided, message
FROM (
    SELECT i.*, t.target <> i.target AS retargeted, i.round > t.round AS restart,
        (t.name, t.source, t.checksum, t.target) <> (i.name, i.source, i.checksum, i.target) AS moved,
        i.round > t.round AND (t.name, t.source, t.checksum, t.target) = (i.name, i.source, i.checksum, i.target) AS freed,
        i.state = 'failed' AND i.cause = 'target-collision' AS collided
    FROM main.touched t JOIN main.images i ON i.id = t.image WHERE i.id <= :image
)

-- name: plan_added
INSERT INTO plan.added
SELECT row_number() OVER (ORDER BY id) + (SELECT count(*) FROM plan.changed), id, batch, uuid, barcode, record, name, type,
    source, checksum, target, target_key, state = 'failed', message
FROM main.images WHERE id > :image

-- name: plan_events
INSERT INTO plan.events
SELECT p.seq, e.time, e.level, e.kind, e.message, e.image, e.pid
FROM (SELECT seq, image FROM plan.changed UNION ALL SELECT seq, image FROM plan.added) p
JOIN main.events e ON e.image = p.image
ORDER BY p.seq, e.id

-- name: index_events
CREATE INDEX plan.events_by_seq ON events (seq)

-- name: plan_batches
INSERT INTO plan.batches SELECT id, name, added FROM main.batches WHERE id > :batch

-- name: plan_exports
INSERT INTO plan.exports SELECT batch, name, added FROM main.exports WHERE name = :export

-- name: plan_base
INSERT INTO plan.base SELECT :image, :last_order, (SELECT count(*) FROM plan.changed), (SELECT count(*) FROM plan.added),
    (SELECT count(*) FROM plan.changed WHERE retargeted)

-- name: not_changed
-- Images whose new values the ledger does not have, and the lines that brought them.
SELECT n.line, b.name AS batch, l.target, l.source
FROM main.touched t JOIN main.images i ON i.id = t.image JOIN ledger.images l ON l.id = i.id
JOIN temp.incoming n ON n.image = i.id AND n.how = 'changed' JOIN main.batches b ON b.id = i.batch
WHERE (t.name, t.source, t.checksum, t.target) <> (i.name, i.source, i.checksum, i.target)
    AND (l.name, l.source, l.checksum, l.target) <> (i.name, i.source, i.checksum, i.target)
ORDER BY n.line
