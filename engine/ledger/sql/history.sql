-- What reports and an image's page show of the past.

-- name: attempts
SELECT number, round, pid, host, lane AS mode, predicted_bytes, started, ended, outcome, stage, cause, message, peak_rss_bytes,
    cpu_s, wall_s, coalesce(decoded, lane) AS decoded, coalesce(gpu, '') AS gpu
FROM attempts WHERE image = :image ORDER BY id

-- name: waiting_jpeg
SELECT scratch_path FROM images WHERE id = :image AND storing = 1 AND scratch_host = ''

-- name: other_hosts
-- From each to the next in the index, however many images each has.
WITH RECURSIVE found (host) AS (
    SELECT min(host) FROM images INDEXED BY images_elsewhere WHERE host <> ''
    UNION ALL
    SELECT (SELECT min(host) FROM images INDEXED BY images_elsewhere WHERE host <> '' AND host > found.host)
    FROM found WHERE found.host IS NOT NULL
)
SELECT host FROM found WHERE host IS NOT NULL

-- name: conversions
-- When they ended, of the last :limit attempts.
SELECT ended FROM attempts
WHERE id > (SELECT max(id) FROM attempts) - :limit AND outcome = 'converted' AND ended > :since
ORDER BY ended

-- name: work_times
SELECT b.name, sum(a.outcome = 'converted'),
    total(iif(a.outcome = 'converted', a.cpu_s, 0)), total(iif(a.outcome = 'converted', a.wall_s, 0)),
    min(a.started), max(ifnull(a.ended, a.started)), count(*)
FROM attempts a JOIN images i ON i.id = a.image JOIN batches b ON b.id = i.batch
GROUP BY b.id

-- name: attempt_spans
SELECT b.name, a.started, a.ended
FROM attempts a JOIN images i ON i.id = a.image JOIN batches b ON b.id = i.batch
WHERE a.ended IS NOT NULL ORDER BY a.id

-- name: representations
SELECT count(*), total(complete) FROM (
    SELECT min(i.state IN ('done', 'accepted')) AS complete
    FROM images i JOIN batches b ON b.id = i.batch
    WHERE :batch IS NULL OR b.name = :batch
    GROUP BY i.uuid COLLATE NOCASE
)

-- name: kinds
SELECT k.kind, count(*) AS images, sum(i.state = 'done'), sum(i.state = 'failed'), sum(i.warnings <> '[]')
FROM images i JOIN batches b ON b.id = i.batch LEFT JOIN kinds k ON k.id = i.kind
WHERE :batch IS NULL OR b.name = :batch
GROUP BY i.kind
ORDER BY k.kind IS NULL, images DESC, k.kind

-- name: decoded
-- Of the images that are done, by what made the pixels of their JPEG and what a GPU that was asked said.
SELECT coalesce(a.decoded, a.lane), coalesce(a.gpu, ''), count(*), total(i.pixels) / 1e6, total(a.cpu_s), total(a.wall_s)
FROM images i JOIN batches b ON b.id = i.batch
    JOIN attempts a ON a.id = (SELECT max(id) FROM attempts WHERE image = i.id AND outcome = 'converted')
WHERE i.state = 'done' AND (:batch IS NULL OR b.name = :batch)
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2

-- name: last_event
SELECT coalesce(max(id), 0) FROM events
