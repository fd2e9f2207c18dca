-- Version 6: what a person has said of the store.

CREATE TABLE store (                          -- no row, or one
    id INTEGER PRIMARY KEY CHECK (id = 1),
    not_expected_before REAL NOT NULL         -- images that were done before are not expected to be there
) STRICT;
