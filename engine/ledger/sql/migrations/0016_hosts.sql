-- Version 16: other machines that have converted for this workspace's engines, as they were seen last.

CREATE TABLE hosts (
    name TEXT PRIMARY KEY,
    joined REAL NOT NULL,                     -- when it came last
    cores INTEGER NOT NULL,
    address TEXT NOT NULL,
    version TEXT NOT NULL,
    gone REAL,                                -- since when it is not there; NULL while it is
    how TEXT,                                 -- it went: see Parting
    why TEXT NOT NULL DEFAULT '',
    images INTEGER NOT NULL DEFAULT 0,        -- that it had then and that were not in the store
    CHECK ((gone IS NULL) = (how IS NULL))
) STRICT, WITHOUT ROWID;
