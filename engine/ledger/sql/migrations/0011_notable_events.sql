-- Version 11: notable events are kept for good, others age out; events that are alike are told as one; who gave an order.

-- 0: shown with its image alone; 1: routine; 2: notable. See EventRank.
ALTER TABLE events ADD COLUMN rank INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN fold TEXT;      -- what events that are told as this one have in common: a cause, a reason
ALTER TABLE events ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN first REAL;     -- when the first of several came; `time` is when the last did
ALTER TABLE orders ADD COLUMN person TEXT NOT NULL DEFAULT '';

UPDATE events SET rank = 2
WHERE image IS NULL OR kind IN ('engine', 'hold', 'resumed', 'worker', 'surveyor', 'uploader');

-- Failures of the same cause within an hour by the clock are told as one, in the place of the last.
CREATE TEMP TABLE folded AS
SELECT max(id) AS id, substr(message, 1, instr(message, ':') - 1) AS fold, count(*) AS times, min(time) AS first
FROM events WHERE kind = 'failed' AND image IS NOT NULL AND instr(message, ':') > 1
GROUP BY substr(message, 1, instr(message, ':') - 1), CAST(time / 3600 AS INTEGER);
UPDATE events SET rank = 0 WHERE kind IN ('failed', 'requeue', 'accept', 'changed') AND image IS NOT NULL;
INSERT INTO events (time, level, kind, message, image, pid, rank)
SELECT e.time, e.level, e.kind, e.message, e.image, e.pid, 0 FROM temp.folded f CROSS JOIN events e ON e.id = f.id;
UPDATE events AS e SET rank = 2, fold = f.fold, times = f.times, first = f.first FROM temp.folded AS f WHERE e.id = f.id;
DROP TABLE temp.folded;

CREATE INDEX events_notable ON events (id) WHERE rank = 2;
CREATE INDEX events_folded ON events (fold, kind, id) WHERE fold IS NOT NULL;
