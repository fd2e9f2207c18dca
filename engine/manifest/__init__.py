"""The manifest: a collection export (CSV, a row an image) becomes the ledger's rows."""
