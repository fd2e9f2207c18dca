-- Version 5: which kind of file each source is. It is not known of images whose headers were read before.

CREATE TABLE kinds (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL UNIQUE                 -- a JSON object: engine/file_kind.py
) STRICT;
ALTER TABLE images ADD COLUMN kind INTEGER REFERENCES kinds (id);
