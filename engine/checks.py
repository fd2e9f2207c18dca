"""What a setting may be: small checks that give its value, or a ValueError saying what it must be instead."""

from __future__ import annotations

import codecs
import difflib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

Check = Callable[[Any], Any]
"""From what the file says to the setting's value; raises ValueError."""

_UNITS = {"": 1, "b": 1} | {
    name: factor**power
    for power, letter in enumerate("kmgt", start=1)
    for name, factor in ((letter, 1024), (f"{letter}ib", 1024), (f"{letter}b", 1000))
}
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_LARGEST = 2**60


def parse_size(text: str) -> int:
    """Bytes of "20GiB", "500 MB", "4g" (1024) or "1073741824"; raises ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None or float(match[1]) * unit > _LARGEST:
        raise ValueError('must be a size like "20GiB" or "500MB"')
    return int(float(match[1]) * unit)


def nearest(word: str, right: Iterable[str]) -> str | None:
    """The one of `right` that was probably meant."""
    lower = {candidate.lower(): candidate for candidate in right}
    found = difflib.get_close_matches(word.lower(), sorted(lower), 1, 0.6)
    return lower[found[0]] if found else None


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("must not have control characters")
    return value


def filled(value: Any) -> str:
    if not text(value).strip():
        raise ValueError("must not be empty")
    return text(value)


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")
    return value


def choice(*right: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in right:
            meant = nearest(value, right) if isinstance(value, str) else None
            advice = f"; did you mean {json.dumps(meant)}?" if meant else ""
            raise ValueError(f"must be {' or '.join(map(json.dumps, right))}{advice}")
        return value

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return check


def either(word: str, value_instead: Any, other: Check) -> Check:
    """`word` stands for `value_instead`; anything else is for the other check."""

    def check(value: Any) -> Any:
        if value == word and isinstance(value, str | bool):
            return value_instead
        try:
            return other(value)
        except ValueError as error:
            raise ValueError(f"{error}, or {json.dumps(word)}") from error

    return check


def size(value: Any) -> int:
    """Bytes, more than none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    count = parse_size(value) if isinstance(value, str) else 0
    if count <= 0:
        raise ValueError('must be a size like "20GiB" or "500MB"')
    return count


def floor(value: Any) -> str:
    """A size or a share of the memory, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    share = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if share and float(share[1]) <= 90:
        return str(value)
    try:
        if not share and isinstance(value, str):
            parse_size(value)
            return value
    except ValueError:
        pass
    raise ValueError('must be a share up to "90%" or a size like "4GiB"')


def seconds(value: Any) -> float:
    """Seconds, as a number or as "90s", "10min", "2h"."""
    count = 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        count = float(value)
    elif isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)\s*", value)
        count = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 1 <= count <= 30 * 86400:
        raise ValueError('must be seconds (from 1 up), or a time like "90s", "10min" or "2h"')
    return count


def colour(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise ValueError('must be a colour like "#ffffff"')
    return value.lower()


def encoding(value: Any) -> str:
    """A text encoding that Python knows, as written."""
    try:
        if "x".encode(text(value)).decode(value) != "x":
            raise LookupError
        codecs.lookup(value)
    except (LookupError, UnicodeError, TypeError) as error:
        raise ValueError('must be a text encoding like "utf-8" or "latin-1"') from error
    return text(value)


def matching(pattern: str, words: str) -> Check:
    def check(value: Any) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise ValueError(f"must be {words}")
        return text(value)

    return check


def list_of(check_one: Check) -> Check:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list in square brackets")
        return tuple(check_one(item) for item in value)

    return check


def batch_name(value: str) -> str:
    """The name where it can be a directory and the first part of an object's key on every system."""
    if not re.fullmatch(r"\w[\w.-]*", value) or value.endswith(".") or len(value.encode()) > 100:
        raise ValueError(
            "a batch name is of letters, digits, '_', '-' and '.', begins with a letter, a digit or '_', "
            "does not end in '.', and has at most 100 bytes"
        )
    return value
