"""Where notifications go: http and https addresses get a JSON POST, all others are services of apprise.

An address may be a secret as a whole: what is shown of one is its scheme, and the host of an http address.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

_PLAIN = re.compile(r"https?://[^/?#\s]+(?:[/?#]\S*)?", re.IGNORECASE)
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")
_FORMS = 'must be addresses like "https://example.org/hook", or apprise\'s like "mailto://user:password@example.org"'


def is_plain(url: str) -> bool:
    """Whether it gets a JSON POST; apprise is for all others."""
    return _PLAIN.fullmatch(url) is not None


def shown(url: str) -> str:
    """The address for people, without its secrets: `https://hooks.example.org/…`, `slack://…`."""
    scheme = url.partition(":")[0].lower()
    if not is_plain(url):
        return f"{scheme}://…"
    return f"{scheme}://{urlsplit(url).netloc.rpartition('@')[2]}/…"


def secrets_of(url: str) -> tuple[str, ...]:
    """Whatever in the address could be one."""
    from urllib.parse import unquote

    _, _, rest = url.partition("://")
    if is_plain(url):
        host = urlsplit(url).netloc
        user, _, _ = host.rpartition("@")
        rest = f"{user}/{rest[len(host) :]}"
    parts = re.split(r"[/:@?&=#]+", rest)
    return tuple(
        sorted({word for part in parts for word in (part, unquote(part)) if word}, key=len, reverse=True)
    )


def read_notify_url(value: Any) -> str:
    """Raises ValueError."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(_FORMS)
    if is_plain(value):
        _check_host(value)
        return value
    scheme = value.partition(":")[0].lower()
    if not _SERVICE.fullmatch(value) or scheme in ("http", "https", "file"):
        raise ValueError(_FORMS)
    if not _has_apprise():
        raise ValueError(
            f"{shown(value)} needs apprise (the extra [notify]), which is not installed: "
            f"{sys.executable} -m pip install apprise"
        )
    return value


def _check_host(url: str) -> None:
    try:
        found = urlsplit(url)
        good = bool(found.hostname) and (found.port is None or found.port > 0)
    except ValueError:
        good = False
    if not good:
        raise ValueError(_FORMS)


@cache
def _has_apprise() -> bool:
    return find_spec("apprise") is not None
