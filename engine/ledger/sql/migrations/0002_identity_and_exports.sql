-- Version 2: the ledger's own identity, and the exports that each batch came from.

CREATE TABLE identity (                       -- one row: tells this ledger's files on scratch from another's
    id TEXT NOT NULL
) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(16))));

CREATE TABLE exports (                        -- the files a batch came from: one of the same name is a new version
    batch INTEGER NOT NULL REFERENCES batches (id),
    name TEXT NOT NULL,
    added REAL NOT NULL,                      -- the last time
    PRIMARY KEY (batch, name)
) STRICT, WITHOUT ROWID;
