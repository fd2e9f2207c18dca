-- Version 7: orders, which an engine carries out in slices, and another engine goes on with.

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,                       -- JSON: which images; empty once it has ended
    reason TEXT NOT NULL,                     -- of the person, or why such images are changed
    taken REAL NOT NULL,
    images INTEGER NOT NULL,                  -- how many are to be looked at
    seen INTEGER NOT NULL DEFAULT 0,          -- of those, so far
    changed INTEGER NOT NULL DEFAULT 0,       -- of those, so far
    position INTEGER NOT NULL DEFAULT 0,      -- the last id that was looked at
    ended REAL,
    problem TEXT                              -- why it ended early
) STRICT;
CREATE INDEX orders_open ON orders (id) WHERE ended IS NULL;

CREATE TABLE came_later (                     -- images that failed or were done after an open order was taken
    for_order INTEGER NOT NULL REFERENCES orders (id),
    image INTEGER NOT NULL REFERENCES images (id),
    PRIMARY KEY (for_order, image)
) STRICT, WITHOUT ROWID;
