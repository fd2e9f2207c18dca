-- An export's rows beside the ledger's images; the rules are in import_rows.py.
-- CROSS JOIN and MATERIALIZED fix the order of the loops, for which SQLite has no statistics here.

-- name: create_incoming
CREATE TEMP TABLE incoming (
    line INTEGER PRIMARY KEY,
    batch INTEGER, uuid TEXT, barcode TEXT, record TEXT, name TEXT, type TEXT, source TEXT, checksum TEXT, target TEXT,
    key INTEGER,                            -- the target's
    image INTEGER,                          -- of the ledger, once the row is matched with one
    how TEXT,                               -- known, changed, kept or new
    is_other INTEGER NOT NULL DEFAULT 0,    -- changed in what the JPEG is made from: source, name or checksum
    collides INTEGER NOT NULL DEFAULT 0     -- its image has failed because of its target
)

-- name: create_versions
-- Batches of which this is a new version of an earlier export.
CREATE TEMP TABLE versions (batch INTEGER PRIMARY KEY)

-- name: create_pairs
-- Rows and images that fit each other by one rule.
CREATE TEMP TABLE pairs (line INTEGER, image INTEGER)

-- name: create_spellings
-- How a batch writes the UUID of each representation: as its first image has it, in the ledger or else in the export.
CREATE TEMP TABLE spellings (
    batch INTEGER, folded TEXT, uuid TEXT, PRIMARY KEY (batch, folded)
) WITHOUT ROWID

-- name: has_capitals
SELECT EXISTS (SELECT 1 FROM temp.incoming WHERE uuid <> lower(uuid))
    OR EXISTS (SELECT 1 FROM main.images WHERE uuid <> lower(uuid))

-- name: note_known_spellings
INSERT OR IGNORE INTO temp.spellings
SELECT batch, lower(uuid), uuid FROM main.images
WHERE batch IN (SELECT DISTINCT batch FROM temp.incoming) ORDER BY id

-- name: note_new_spellings
INSERT OR IGNORE INTO temp.spellings SELECT batch, lower(uuid), uuid FROM temp.incoming ORDER BY line

-- name: respell
UPDATE temp.incoming AS n SET uuid = s.uuid, target = replace(n.target, '/' || n.uuid || '/', '/' || s.uuid || '/')
FROM temp.spellings AS s
WHERE s.batch = n.batch AND s.folded = lower(n.uuid) AND s.uuid <> n.uuid

-- name: has_batches
SELECT EXISTS (SELECT 1 FROM main.batches)

-- name: batches
SELECT id, name FROM main.batches

-- name: add_batch
INSERT INTO main.batches (name, added) VALUES (:name, :now)

-- name: add_incoming
INSERT INTO temp.incoming (line, batch, uuid, barcode, record, name, type, source, checksum, target, key)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: index_by_key
CREATE INDEX temp.incoming_by_key ON incoming (key, source)

-- name: index_by_image
CREATE INDEX temp.incoming_by_image ON incoming (image) WHERE image IS NOT NULL

-- name: index_by_source
CREATE INDEX temp.incoming_by_source ON incoming (source) WHERE image IS NULL

-- name: match_equal
WITH equal AS MATERIALIZED (
    SELECT n.line, i.id FROM main.images i CROSS JOIN temp.incoming n
    ON i.target_key = n.key AND i.batch = n.batch AND i.uuid = n.uuid AND i.name = n.name AND i.source = n.source
        AND i.barcode = n.barcode AND i.record = n.record AND i.type = n.type AND i.checksum = n.checksum
)
UPDATE temp.incoming AS m SET how = 'known', image = equal.id FROM equal WHERE m.line = equal.line

-- name: match_repeated
-- A row equal to an earlier one of the same export brings nothing new.
WITH shared AS MATERIALIZED (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1)
UPDATE temp.incoming AS m SET how = 'known'
WHERE m.how IS NULL AND m.key IN (SELECT key FROM shared)
    AND m.line NOT IN (
        SELECT min(line) FROM temp.incoming WHERE how IS NULL AND key IN (SELECT key FROM shared)
        GROUP BY key, source, batch, uuid, name, barcode, record, type, checksum
    )

-- name: find_versions
INSERT INTO temp.versions
SELECT batch FROM main.exports WHERE name = :export
UNION SELECT batch FROM temp.incoming WHERE how = 'known' AND image IS NOT NULL

-- name: remember_export
INSERT OR REPLACE INTO main.exports SELECT DISTINCT batch, :export, :now FROM temp.incoming

-- name: has_unmatched
SELECT EXISTS (SELECT 1 FROM temp.incoming WHERE image IS NULL AND how IS NULL)

-- name: pair_by_name_and_source
INSERT INTO temp.pairs
SELECT n.line, i.id FROM main.images i CROSS JOIN temp.incoming n
ON i.target_key = n.key AND i.batch = n.batch AND i.uuid = n.uuid AND i.name = n.name AND i.source = n.source
WHERE n.image IS NULL AND n.how IS NULL AND NOT EXISTS (SELECT 1 FROM temp.incoming c WHERE c.image = i.id)

-- name: pair_by_name_and_record
INSERT INTO temp.pairs
SELECT n.line, i.id FROM main.images i CROSS JOIN temp.incoming n
ON i.target_key = n.key AND i.batch = n.batch AND i.uuid = n.uuid AND i.name = n.name AND i.record = n.record
    AND i.target_key NOT IN (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > :most_rows)
    AND n.batch IN (SELECT batch FROM temp.versions)
WHERE n.image IS NULL AND n.how IS NULL AND NOT EXISTS (SELECT 1 FROM temp.incoming c WHERE c.image = i.id)

-- name: pair_by_source
INSERT INTO temp.pairs
SELECT n.line, i.id FROM main.images i CROSS JOIN temp.incoming n
ON i.batch = n.batch AND i.uuid = n.uuid AND i.source = n.source
    AND n.batch IN (SELECT batch FROM temp.versions)
WHERE n.image IS NULL AND n.how IS NULL AND NOT EXISTS (SELECT 1 FROM temp.incoming c WHERE c.image = i.id)

-- name: match_changed
-- Those that fit one to one.
WITH fit AS (
    SELECT line, image, count(*) OVER (PARTITION BY line) AS images, count(*) OVER (PARTITION BY image) AS rows
    FROM temp.pairs
)
UPDATE temp.incoming AS m SET how = 'changed', image = fit.image
FROM fit WHERE m.line = fit.line AND fit.images = 1 AND fit.rows = 1

-- name: clear_pairs
DELETE FROM temp.pairs

-- name: mark_other
UPDATE temp.incoming AS n SET is_other = 1 FROM main.images AS i
WHERE n.how = 'changed' AND n.image = i.id
    AND (i.source <> n.source OR i.name <> n.name OR i.checksum <> n.checksum)

-- name: add_changed_events
INSERT INTO main.events (time, level, kind, message, image, pid, rank)
SELECT :now, 'info', 'changed',
    iif(i.state = 'done', 'done already, so kept as it is; the export now has ', 'the export now has ')
        || 'source ' || n.source || ', name ' || n.name || iif(n.checksum = '', '', ', checksum ' || n.checksum)
        || '; before: source ' || i.source || ', name ' || i.name
        || iif(i.checksum = '', '', ', checksum ' || i.checksum),
    i.id, :pid, 0
FROM temp.incoming n JOIN main.images i ON i.id = n.image
WHERE n.how = 'changed' AND n.is_other

-- name: keep_done
UPDATE temp.incoming AS n SET how = 'kept' FROM main.images AS i
WHERE n.how = 'changed' AND n.is_other AND n.image = i.id AND i.state = 'done'

-- name: choose_changed
INSERT INTO temp.chosen
SELECT i.id FROM temp.incoming n JOIN main.images i ON i.id = n.image
WHERE n.how = 'changed' AND n.is_other AND i.state IN ('pending', 'in_flight', 'failed')

-- name: change_origin
UPDATE main.images AS i SET name = n.name, source = n.source, checksum = n.checksum, target = n.target,
    target_key = n.key
FROM temp.incoming AS n
WHERE n.how = 'changed' AND n.is_other AND n.image = i.id

-- name: change_description
UPDATE main.images AS i SET barcode = n.barcode, record = n.record, type = n.type, updated = :now
FROM temp.incoming AS n
WHERE n.how IN ('changed', 'kept') AND n.image = i.id

-- name: insert_new
INSERT INTO main.images
    (batch, uuid, barcode, record, name, type, source, checksum, target, target_key, updated)
SELECT batch, uuid, barcode, record, name, type, source, checksum, target, key, :now
FROM temp.incoming WHERE how IS NULL ORDER BY line

-- name: mark_new
UPDATE temp.incoming SET how = 'new' WHERE how IS NULL
