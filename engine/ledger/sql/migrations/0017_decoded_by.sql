-- Version 17: what made the pixels of each JPEG, and the kinds of files that a GPU decodes otherwise than OpenJPEG.

ALTER TABLE images ADD COLUMN decoded TEXT;   -- whole, tiles, strips or gpu, of the JPEG made last; NULL: there is none
UPDATE images SET decoded = (
    SELECT coalesce(a.decoded, a.lane) FROM attempts a
    WHERE a.image = images.id AND a.outcome = 'converted' ORDER BY a.id DESC LIMIT 1
)
WHERE id IN (SELECT image FROM attempts WHERE outcome = 'converted');
CREATE INDEX images_by_gpu ON images (kind, decoded) WHERE decoded = 'gpu';
ALTER TABLE kinds ADD COLUMN gpu_differs INTEGER NOT NULL DEFAULT 0;
UPDATE kinds SET gpu_differs = 1
WHERE id IN (SELECT i.kind FROM attempts a JOIN images i ON i.id = a.image WHERE a.gpu = 'differs');
