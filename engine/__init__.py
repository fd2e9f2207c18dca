"""The conversion engine: a collection export goes in, proved JPEGs come out, a ledger accounts for every row."""

__version__ = "0.1.0"
"""`pyproject.toml` takes it from here: to ask the installed distribution costs every process of ours its start."""
