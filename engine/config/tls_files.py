"""`[cluster] tls`: with which files this engine and its hosts show themselves to the scheduler of a Dask cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from engine.failures import UserError

_KEYS = ("ca", "cert", "key")
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\n?", re.DOTALL)
_LIKE = '{ ca = "ca.pem", cert = "photostat.pem", key = "photostat-key.pem" }'


class TlsFiles(Struct, frozen=True):
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
    return structs.asdict(files) if files.ca else {}


def tls_texts(files: TlsFiles, root: Path) -> tuple[str, str, str]:
    """Authority, certificate and key, as PEM; `root` is the workspace. Raises UserError if they cannot be used."""
    paths = {what: root / Path(path).expanduser() for what, path in structs.asdict(files).items()}
    texts = {what: _pems(what, path) for what, path in paths.items()}
    import ssl  # the other settings are read at each start, and do not need it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=texts["ca"])
        context.load_cert_chain(paths["cert"], paths["key"], password=lambda: "")
    except (OSError, ValueError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) and error.reason else error
        raise UserError(
            f"[cluster] tls: these files do not belong together, or the key has a password ({why})"
        ) from error
    return texts["ca"], texts["cert"], texts["key"]


def _pems(what: str, path: Path) -> str:
    try:
        text = path.read_text("ascii", "replace")
    except OSError as error:
        raise UserError(f"[cluster] tls: {what} = {str(path)!r}: {error.strerror}") from error
    kind = "PRIVATE KEY" if what == "key" else "CERTIFICATE"
    found = [match[0].rstrip() for match in _PEM.finditer(text) if match[1].endswith(kind)]
    if not found:
        raise UserError(f"[cluster] tls: {what} = {str(path)!r} has no {kind.lower()} in PEM form")
    return "".join(f"{pem}\n" for pem in found)
