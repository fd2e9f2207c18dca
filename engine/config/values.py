"""Values as photostat.toml writes them: types that say how they are read, and readers that say what is wrong.

Every reader takes what TOML gives, returns the setting's value, and raises ValueError("must be …") for anything else.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, get_args, get_origin

from msgspec import Struct

from engine.config.listen_address import read_listen_address
from engine.config.notify_urls import read_notify_url
from engine.failures import nearest, one_line

ColumnKey = int | str
"""A column of the export by number, from 1, or by header name."""


class Form(Struct, frozen=True):
    """In an annotation: how the file writes the value, where that is not the value itself."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


class NoneAs(Struct, frozen=True):
    """In the annotation of a value that may be None: the word for None in the file."""

    word: str


class Hidden(Struct, frozen=True):
    """In the annotation of a value that may be a secret: messages do not quote it."""


def bare_type(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations, and these."""
    if get_origin(kind) is Annotated:
        bare, *marks = get_args(kind)
        return bare, tuple(marks)
    return kind, ()


_BYTES_PER_UNIT = {"": 1, "b": 1} | {
    name: factor**power
    for power, letter in enumerate("kmgt", start=1)
    for name, factor in ((letter, 1024), (f"{letter}ib", 1024), (f"{letter}b", 1000))
}
_SECONDS_PER_UNIT = {"s": 1, "min": 60, "h": 3600}
_LARGEST_SIZE = 2**60
_LONGEST_TIME_S = 30 * 86400


def parse_size(text: str) -> int:
    """Bytes of "20GiB", "500 MB", "4g" (1024) or "1073741824"; raises ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = _BYTES_PER_UNIT.get(match[2].lower()) if match else None
    if match is None or unit is None or float(match[1]) * unit > _LARGEST_SIZE:
        raise ValueError('must be a size like "20GiB" or "500MB"')
    return int(float(match[1]) * unit)


def write_size(size_bytes: int) -> str:
    """As `parse_size` reads it, exactly: "20GiB"."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if size_bytes and size_bytes % unit == 0:
            return f"{size_bytes // unit}{name}"
    return str(size_bytes)


_BITS = {"bit": 1, "B": 8}
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_LOWEST_RATE = 64_000
_HIGHEST_RATE = 2**50


def parse_rate(text: str) -> int:
    """Bytes a second of "20MB/s" or "160Mbit/s"; raises ValueError for anything else, and for "20Mb/s", which may be
    either."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KkMG]?i?)(B|bit)/s\s*", text)
    prefix = match[2].replace("K", "k") if match else ""
    factor = _FACTORS.get("Ki" if prefix == "ki" else prefix)
    if match is None or factor is None:
        raise ValueError('must be a rate like "20MB/s" (bytes) or "160Mbit/s" (bits)')
    rate = float(match[1]) * factor * _BITS[match[3]] / 8
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise ValueError('must be a rate from "64kB/s" up, like "20MB/s" (bytes) or "160Mbit/s" (bits)')
    return int(rate)


def write_rate(bytes_per_s: int) -> str:
    """As `parse_rate` reads it, exactly."""
    for factor, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if bytes_per_s % factor == 0:
            return f"{bytes_per_s // factor}{name}/s"
    return f"{bytes_per_s}B/s"


def file_path(url: str) -> str:
    """The path in file:out, file:/mnt/out or file:///mnt/out."""
    rest = url.removeprefix("file:")
    return rest.removeprefix("//") if rest.startswith("///") else rest


def check_batch_name(name: str) -> str:
    """The name, if it can be a directory and the first part of an object's key on every system; else ValueError."""
    if not re.fullmatch(r"\w[\w.-]*", name) or name.endswith(".") or len(name.encode()) > 100:
        raise ValueError(
            "a batch name is of letters, digits, '_', '-' and '.', begins with a letter, a digit or '_', "
            "does not end in '.', and has at most 100 bytes"
        )
    return name


def refuse_unknown(
    where: str, given: Collection[str], known: Collection[str], kind: str, homes: Mapping[str, str]
) -> None:
    """Raises ValueError for a name that is not `known`, with what was probably meant.

    `homes` has the section of every key: a key in the wrong section is named with its own."""
    for key in given:
        if key in known:
            continue
        meant, home = nearest(key, known), homes.get(key)
        if meant:
            advice = f"did you mean {meant}?"
        elif home:
            advice = f"it belongs under [{home}]"
        else:
            advice = f"there is {', '.join(sorted(known))}"
        raise ValueError(f"{where}{one_line(key)}: no such {kind}; {advice}")


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("must not have control characters")
    return value


def _read_filled(value: Any) -> str:
    if not _read_text(value).strip():
        raise ValueError("must not be empty")
    return _read_text(value)


def _read_matching(pattern: str, words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not re.fullmatch(pattern, _read_text(value)):
            raise ValueError(f"must be {words}")
        return _read_text(value)

    return read


def _read_endpoint(value: Any) -> str:
    text = _read_text(value)
    if path := re.fullmatch(r"(https?://[^/\s]+)(/[^\s]+)", text):
        raise ValueError(
            f"has a path, {path[2]}, and an endpoint has none: write {path[1]}; "
            "the bucket and the prefix go into url"
        )
    return _read_matching(r"|https?://[^/\s]+/?", 'empty or a URL like "https://s3.example.org"')(text)


def _read_size(value: Any) -> int:
    """More than nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    size_bytes = parse_size(value) if isinstance(value, str) else 0
    if size_bytes <= 0:
        raise ValueError('must be a size like "20GiB" or "500MB"')
    return size_bytes


def _read_rate(value: Any) -> int:
    return parse_rate(value if isinstance(value, str) else "")


def _read_memory_floor(value: Any) -> str:
    """Stays text: how much a share is depends on the machine."""
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


def _read_seconds(value: Any) -> float:
    seconds = 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)\s*", value)
        seconds = float(match[1]) * _SECONDS_PER_UNIT[match[2]] if match else 0.0
    if not 1 <= seconds <= _LONGEST_TIME_S:
        raise ValueError('must be seconds (from 1 up), or a time like "90s", "10min" or "2h"')
    return seconds


def _read_day_time(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"(?:(?:[01]\d|2[0-3]):[0-5]\d)?", value):
        raise ValueError('must be empty or a time of day like "08:00"')
    return value


def _read_colour(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"#[0-9A-Fa-f]{6}", value):
        raise ValueError('must be a colour like "#ffffff"')
    return value.lower()


def _read_encoding(value: Any) -> str:
    """One that Python knows, as written, or "auto"."""
    if value == "auto":
        return "auto"
    try:
        if "x".encode(_read_text(value)).decode(value) != "x":
            raise LookupError
        codecs.lookup(value)
    except (LookupError, UnicodeError, TypeError) as error:
        raise ValueError('must be "auto" or a text encoding like "utf-8" or "windows-1252"') from error
    return _read_text(value)


_COLUMNS = ("uuid", "barcode", "record", "name", "type", "source", "checksum")
_NEEDED_COLUMNS = ("uuid", "name", "source")


def _read_columns(value: Any) -> dict[str, ColumnKey]:
    """Which column is what. Those that are not named do not exist in the export."""
    if not isinstance(value, dict):
        raise ValueError("must be a table like { uuid = 1, name = 2, source = 3 }")
    refuse_unknown("columns.", value, _COLUMNS, "column", {})
    for name, key in value.items():
        is_number = isinstance(key, int) and not isinstance(key, bool) and 1 <= key <= 1000
        if not is_number and not (isinstance(key, str) and key.strip()):
            raise ValueError(f"{name} must be a column's number, from 1, or its header name")
    missing = [name for name in _NEEDED_COLUMNS if name not in value]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be there as well")
    twice = [name for name in value if list(value.values()).count(value[name]) > 1]
    if twice:
        raise ValueError(f"{' and '.join(twice)} are the same column")
    return dict(value)


def _read_replace(value: Any) -> dict[str, str]:
    """Prefixes of source paths, and what stands in their place."""
    if not isinstance(value, dict) or not all(isinstance(to, str) for to in value.values()):
        raise ValueError(r'must be a table like { "Z:\\scans\\" = "/mnt/scans/" }')
    if "" in value:
        raise ValueError("must not have an empty prefix: [manifest] root goes before relative paths")
    for prefix, to in value.items():
        _read_text(prefix)
        _read_text(to)
    return dict(value)


Text = Annotated[str, Form(_read_text)]
FilledText = Annotated[str, Form(_read_filled)]
Size = Annotated[int, Form(_read_size, write_size)]
"""Bytes."""
Rate = Annotated[int, Form(_read_rate, write_rate)]
"""Bytes a second."""
Seconds = Annotated[float, Form(_read_seconds)]
MemoryFloor = Annotated[str, Form(_read_memory_floor)]
Colour = Annotated[str, Form(_read_colour)]
Encoding = Annotated[str, Form(_read_encoding)]
Replacements = Annotated[dict[str, str], Form(_read_replace)]
Columns = Annotated[dict[str, ColumnKey], Form(_read_columns)]
StoreUrl = Annotated[
    str, Form(_read_matching(r"file:.+|s3://[^/]+(/.*)?", '"file:DIRECTORY" or "s3://BUCKET/PREFIX"'))
]
Endpoint = Annotated[str, Form(_read_endpoint)]
ListenAddress = Annotated[str, Form(read_listen_address)]
SchedulerAddress = Annotated[
    str, Form(_read_matching(r"(tls://[^/\s:]+:\d{1,5})?", 'empty or an address like "tls://scheduler:8786"'))
]
NotifyUrl = Annotated[str, Form(read_notify_url)]
DayTime = Annotated[str, Form(_read_day_time)]
"""`08:00`, or empty."""
