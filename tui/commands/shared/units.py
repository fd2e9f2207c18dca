"""Words in a systemd unit: systemd.service(5), systemd.syntax(7)."""

from __future__ import annotations

import re


def unit_word(text: str) -> str:
    """A word of a command line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return percent(escaped if re.fullmatch(r"[\w@%+=:,./-]+", text) else f'"{escaped}"')


def percent(text: str) -> str:
    return text.replace("%", "%%")
