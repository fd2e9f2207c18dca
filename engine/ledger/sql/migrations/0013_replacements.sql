-- Version 13: delivered JPEGs that a person wants to have replaced, and settings of single images.

ALTER TABLE images ADD COLUMN quality INTEGER;     -- of its own; NULL is that of its batch, as is
ALTER TABLE images ADD COLUMN subsampling TEXT;

CREATE TABLE replacements (                   -- nothing of it is ever deleted
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES images (id),
    md5 TEXT NOT NULL,                        -- of the delivered object
    jpeg_bytes INTEGER NOT NULL,
    may_be_there TEXT NOT NULL,               -- a JSON array of MD5s: of that, and of what was on its way into its place
    person TEXT NOT NULL,
    asked REAL NOT NULL,
    new_md5 TEXT,                             -- of what is in its place
    replaced REAL,
    CHECK ((replaced IS NULL) = (new_md5 IS NULL))
) STRICT;
CREATE UNIQUE INDEX replacements_open ON replacements (image) WHERE replaced IS NULL;
CREATE INDEX replacements_by_image ON replacements (image, id);
