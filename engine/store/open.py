"""Opens the store that `[store] url` names: a local directory or an S3 bucket."""

from __future__ import annotations

from pathlib import Path

from engine.config import StoreSettings, file_path
from engine.failures import UserError
from engine.messages import KnownStore
from engine.store.bandwidth import BandwidthLimit, limit_of
from engine.store.base import Store


def open_store(
    settings: StoreSettings, root: Path | str, known: KnownStore, limit: BandwidthLimit | None = None
) -> Store:
    """Relative directories are relative to the workspace `root`; for `known` see `Store.expect`. `limit` is the one of
    the settings if the caller wants to change it.

    Touches neither disk nor network. Raises UserError for a URL that names no store."""
    scheme, separator, rest = settings.url.partition(":")
    if separator and scheme == "file" and rest:
        from engine.store.local import LocalStore  # here, as below, because commands start faster so

        limit = limit or limit_of(settings.bandwidth_limit)
        return LocalStore(local_path(settings, root), known, limit)
    if separator and scheme == "s3":
        from engine.store.s3 import open_s3_store

        return open_s3_store(settings, owner=known.owner, host=known.host, bandwidth=limit)
    raise UserError(
        f'store.url is "{settings.url}": it starts with file: or s3://, as in file:out or s3://bucket/prefix'
    )


def local_path(settings: StoreSettings, root: Path | str) -> Path:
    """Of the directory that a `file:` URL names."""
    return Path(root) / Path(file_path(settings.url)).expanduser()
