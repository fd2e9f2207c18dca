-- What became of the rows of an import, read from its temporary tables.

-- name: counts
SELECT b.name, sum(n.how = 'new'), sum(n.how = 'known'), sum(n.how = 'changed'), sum(n.how = 'kept'), sum(n.collides)
FROM temp.incoming n JOIN main.batches b ON b.id = n.batch
GROUP BY b.id ORDER BY b.id

-- name: collisions
SELECT n.line, n.target, i.message, c.* FROM temp.incoming n
LEFT JOIN temp.clash c ON c.target = n.target
LEFT JOIN main.images i ON i.id = n.image
WHERE n.collides ORDER BY n.line LIMIT :limit

-- name: changed
SELECT n.line, i.target, i.source, n.source, i.name, n.name, i.checksum, n.checksum
FROM temp.incoming n JOIN main.images i ON i.id = n.image
WHERE n.how = 'changed' AND n.is_other AND i.state <> 'done' ORDER BY n.line LIMIT :limit

-- name: repeated
WITH shared AS MATERIALIZED (SELECT key FROM temp.incoming GROUP BY key HAVING count(*) > 1),
lines AS (
    SELECT line, min(line)
        OVER (PARTITION BY key, source, batch, uuid, name, barcode, record, type, checksum) AS first
    FROM temp.incoming WHERE key IN (SELECT key FROM shared)
)
SELECT line, first FROM lines WHERE line > first ORDER BY line LIMIT :limit

-- name: kept
SELECT n.line, i.target, i.source FROM temp.incoming n JOIN main.images i ON i.id = n.image
WHERE n.how = 'kept' ORDER BY n.line LIMIT :limit

-- name: alike
SELECT min(n.line), min(i.target), max(i.target)
FROM temp.alike a JOIN temp.incoming n ON n.key = a.key JOIN main.images i ON i.target_key = a.key
GROUP BY a.key ORDER BY 1 LIMIT :limit

-- name: alike_count
SELECT count(*) FROM temp.alike
