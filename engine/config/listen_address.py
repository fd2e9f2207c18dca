"""Where the engine listens for other machines: only encrypted, because whoever connects can run programs."""

from __future__ import annotations

import re
from typing import Any

_LISTEN = re.compile(r"tls://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+):(\d{1,5})")
_HIGHEST_PORT = 65_535


def read_listen_address(value: Any) -> str:
    """`tls://HOST:PORT`, or empty. Raises ValueError that says what is wrong."""
    example = 'an address like "tls://0.0.0.0:8786"'
    if not isinstance(value, str):
        raise ValueError(f"must be empty or {example}")
    scheme, separator, rest = value.partition("://")
    if separator and scheme in ("tcp", "ws", "http"):
        raise ValueError(
            f'must be empty or an address like "tls://{rest}": {scheme}:// is not encrypted, and whoever connects can '
            "run programs here"
        )
    found = _LISTEN.fullmatch(value)
    if value and found is None:
        raise ValueError(f"must be empty or {example}")
    if found and not 1 <= int(found[2]) <= _HIGHEST_PORT:
        raise ValueError(f"port {found[2]} is not one: from 1 to {_HIGHEST_PORT}")
    return value
