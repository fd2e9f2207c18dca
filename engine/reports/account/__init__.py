"""The report on a collection's conversion: figures from the ledger, as a page to read and tables to compute with."""
