"""An S3 bucket as the store."""

from __future__ import annotations

from engine.config import StoreSettings
from engine.store import Store


def open_bucket(settings: StoreSettings) -> Store:
    """The bucket and prefix that `[store] url` names."""
    raise NotImplementedError
