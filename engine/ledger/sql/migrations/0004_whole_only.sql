-- Version 4: images of which strips come out wrong. Those that wait are looked at again, to know it of them.

ALTER TABLE images ADD COLUMN whole_only INTEGER NOT NULL DEFAULT 0;
UPDATE images SET surveyed = 0 WHERE state = 'pending' AND surveyed = 1;
