-- Version 8: runs, the engines that worked on each, what kept those from working, and how fast they were.

CREATE TABLE runs (                           -- from the first engine with work to do until everything is finished
    id INTEGER PRIMARY KEY,
    began REAL NOT NULL,
    ended REAL                                -- NULL while there is work left
) STRICT;

CREATE TABLE engines (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    began REAL NOT NULL,
    seen REAL NOT NULL,                       -- its last sign of life
    lasted_s REAL NOT NULL,                   -- until then, by a clock that nobody sets
    how TEXT,                                 -- it ended; NULL while it runs, and if it could not say so
    why TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX engines_by_run ON engines (run);

CREATE TABLE waits (                          -- of an engine: times in which it was held, paused or asleep
    engine INTEGER NOT NULL REFERENCES engines (id),
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,                     -- of a hold; of a pause: who
    detail TEXT NOT NULL,
    began REAL NOT NULL,
    ended REAL NOT NULL,                      -- so far
    lasted_s REAL NOT NULL,                   -- less than between the two where several short ones are one row
    times INTEGER NOT NULL,
    PRIMARY KEY (engine, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE throughput (                     -- of an engine, in spans of about ten minutes
    engine INTEGER NOT NULL REFERENCES engines (id),
    number INTEGER NOT NULL,
    began REAL NOT NULL,
    worked_s REAL NOT NULL,
    images INTEGER NOT NULL,                  -- that came into the store
    megapixels REAL NOT NULL,
    source_bytes INTEGER NOT NULL,
    jpeg_bytes INTEGER NOT NULL,
    PRIMARY KEY (engine, number)
) STRICT, WITHOUT ROWID;
