-- Version 15: on which machine an image was last tried.

ALTER TABLE images ADD COLUMN host TEXT;      -- of the last attempt; empty is the engine's own, NULL is never tried
UPDATE images SET host = (SELECT a.host FROM attempts a WHERE a.image = images.id ORDER BY a.id DESC LIMIT 1)
WHERE id IN (SELECT image FROM attempts);
CREATE INDEX images_elsewhere ON images (host) WHERE host <> '';
