"""`[cluster] tls`: with which files this engine and its hosts show themselves to the scheduler of a Dask cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_KEYS = ("ca", "cert", "key")
_LIKE = '{ ca = "ca.pem", cert = "photostat.pem", key = "photostat-key.pem" }'


@dataclass(frozen=True)
class TlsFiles:
    """Paths, from the workspace; all empty if none are set."""

    ca: str = ""
    cert: str = ""
    key: str = ""


def read_tls_files(value: Any) -> TlsFiles:
    """Raises ValueError."""
    if value == {}:
        return TlsFiles()
    texts = isinstance(value, dict) and all(
        isinstance(path, str) and path.strip() and path.isprintable() for path in value.values()
    )
    if not texts or set(value) != set(_KEYS):
        raise ValueError(f"must have the paths of three files, {_LIKE}")
    return TlsFiles(**value)


def write_tls_files(files: TlsFiles) -> dict[str, str]:
    return asdict(files) if files.ca else {}
