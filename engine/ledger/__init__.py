"""The ledger: every image of the collection, its state, its attempts and what happened, in SQLite."""
