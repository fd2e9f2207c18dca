-- Version 10: in which order batches are converted, and which of them people hold.

ALTER TABLE batches ADD COLUMN place INTEGER NOT NULL DEFAULT 0;  -- the lowest is converted first
ALTER TABLE batches ADD COLUMN held REAL;                         -- since then, Unix time; NULL if it is not held
ALTER TABLE batches ADD COLUMN held_by TEXT NOT NULL DEFAULT '';  -- a JSON object: engine/control/snapshot.py, Person
ALTER TABLE batches ADD COLUMN held_reason TEXT NOT NULL DEFAULT '';
UPDATE batches SET place = id;
CREATE TRIGGER batch_added AFTER INSERT ON batches BEGIN
    -- Places only change hands, so that those of the others are lower.
    UPDATE batches SET place = NEW.id WHERE id = NEW.id;
END;
