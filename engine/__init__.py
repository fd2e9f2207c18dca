"""The conversion engine: a collection export goes in, proved JPEGs come out, a ledger accounts for every row."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("photostat")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
