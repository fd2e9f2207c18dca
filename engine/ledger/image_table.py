"""The images of a ledger as CSV and JSON for the next system: hundreds of thousands in seconds.

Rows go from SQLite to the text without an object of their own. They say what `ImageRow.to_json` says, and a test
compares them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TextIO

from engine.csv_output import is_plain, start_large_table
from engine.failures import REMEDIES
from engine.ledger.models import EQUAL_PSNR_DB, FIELDS, ImageRow

Row = Sequence[Any]
"""Of IMAGE_COLUMNS."""

_AT = {name: place for place, name in enumerate(FIELDS)}
_CAUSE, _HINT, _PSNR, _WARNINGS = (_AT[name] for name in ("cause", "hint", "psnr", "warnings"))
_NO_WARNINGS = "[]"
_GIVEN = ("batch", "uuid", "barcode", "record", "name", "type", "source", "checksum", "target")
"""Texts of the export, which every image has."""
_NEVER_CHANGED = frozenset(
    {*_GIVEN, "state", "stage", "cause", "colour", "md5", "source_digest", "verdict", "host", "decoded"}
)
_given = itemgetter(*(_AT[name] for name in _GIVEN))
_others = itemgetter(
    *(
        _AT[name]
        for name, kind in ImageRow.__annotations__.items()
        if "str" in kind and name not in _NEVER_CHANGED and name not in ("hint", "warnings")
    )
)
"""Other texts, each of which few images have: of workers, stores and people."""
_remedies = {cause.value: remedy for cause, remedy in REMEDIES.items()}


def write_csv(stream: TextIO, rows: Iterable[Row]) -> None:
    """A line an image below the names of the columns. Warnings are one cell, separated by semicolons."""
    add_row = start_large_table(stream, ImageRow.names(), line_end="\n")
    for row in rows:
        values = _values(row)
        if row[_WARNINGS] != _NO_WARNINGS:
            values[_WARNINGS - 1] = "; ".join(json.loads(row[_WARNINGS]))
        else:
            values[_WARNINGS - 1] = ""
        has_words = row[_CAUSE] or values[_WARNINGS - 1] or any(_others(row))
        add_row(values, not has_words and is_plain(_given(row)))


def documents(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """As `ImageRow.to_json`."""
    names = ImageRow.names()
    for row in rows:
        values = _values(row)
        values[_WARNINGS - 1] = [] if row[_WARNINGS] == _NO_WARNINGS else json.loads(row[_WARNINGS])
        yield dict(zip(names, values, strict=True))


def _values(row: Row) -> list[Any]:
    """In the order of `ImageRow.names`: without the hint, which is part of the remedy."""
    values = list(row)
    hint = values.pop(_HINT)
    cause = row[_CAUSE]
    values.append((hint or _remedies[cause]) if cause else None)
    psnr = row[_PSNR]
    if psnr is not None and math.isinf(psnr):
        values[_PSNR - 1] = EQUAL_PSNR_DB
    return values
