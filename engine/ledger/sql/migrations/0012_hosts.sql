-- Version 12: on which machine something happened. Empty for the engine's own.

ALTER TABLE attempts ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN scratch_host TEXT NOT NULL DEFAULT '';  -- where scratch_path is
