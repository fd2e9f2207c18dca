-- Runs: written by the engine as time passes, and read by whoever wants to know what happened in the night.

-- name: last_numbers
SELECT coalesce((SELECT max(id) FROM engines), 0), coalesce(max(id), 0), began, ended FROM runs

-- name: died
UPDATE engines SET how = 'died' WHERE how IS NULL
RETURNING id, pid, host, version, began, seen, lasted_s, how, why

-- name: note_run
INSERT INTO runs (id, began, ended) VALUES (:run, :began, :ended)
ON CONFLICT (id) DO UPDATE SET ended = excluded.ended

-- name: note_engine
INSERT INTO engines (id, run, pid, host, version, began, seen, lasted_s, how, why)
VALUES (:id, :run, :pid, :host, :version, :began, :seen, :lasted_s, :how, :why)
ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, lasted_s = excluded.lasted_s, how = excluded.how,
    why = excluded.why

-- name: note_wait
INSERT INTO waits (engine, number, kind, reason, detail, began, ended, lasted_s, times)
VALUES (:engine, :number, :kind, :reason, :detail, :began, :ended, :lasted_s, :times)
ON CONFLICT (engine, number) DO UPDATE SET detail = excluded.detail, ended = excluded.ended,
    lasted_s = excluded.lasted_s, times = excluded.times

-- name: note_throughput
INSERT INTO throughput (engine, number, began, worked_s, images, megapixels, source_bytes, jpeg_bytes)
VALUES (:engine, :number, :began, :worked_s, :images, :megapixels, :source_bytes, :jpeg_bytes)
ON CONFLICT (engine, number) DO UPDATE SET worked_s = excluded.worked_s, images = excluded.images,
    megapixels = excluded.megapixels, source_bytes = excluded.source_bytes, jpeg_bytes = excluded.jpeg_bytes

-- name: last_run
SELECT id, began, ended FROM runs ORDER BY id DESC LIMIT 1

-- name: engines
SELECT id, pid, host, version, began, seen, lasted_s, how, why FROM engines WHERE run = :run ORDER BY id

-- name: waits
SELECT w.kind, w.reason, w.detail, w.began, w.ended, w.lasted_s, w.times
FROM engines e CROSS JOIN waits w ON w.engine = e.id WHERE e.run = :run ORDER BY e.id, w.number

-- name: throughput
SELECT t.began, t.worked_s, t.images, t.megapixels, t.source_bytes, t.jpeg_bytes
FROM engines e CROSS JOIN throughput t ON t.engine = e.id WHERE e.run = :run ORDER BY e.id, t.number

-- name: new_failures
-- Reads every failed image.
SELECT cause, count(*) FROM images INDEXED BY images_by_state
WHERE state = 'failed' AND updated >= :since GROUP BY cause
