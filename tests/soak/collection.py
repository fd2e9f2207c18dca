"""The images of a soak: a few sources of every kind, under any number of rows, and what a calm run makes of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_line import photostat
from tests.support.engine_runs import list_rows
from tests.support.jp2_files import Row, cut, make_jp2, representation, write_export

_SIDES = ((160, 120), (240, 180), (400, 300), (640, 480), (1000, 800), (1400, 1000))
_BAD_EVERY = 40
"""So many good rows to one of each bad kind."""
_ROWS_IN_A_REPRESENTATION = 10
MISSING, CUT, NO_JP2 = "missing.jp2", "cut.jp2", "no-jp2.jp2"


@dataclass(frozen=True)
class Outcome:
    """What becomes of a source in a calm run."""

    state: str
    cause: str | None
    md5: str | None


def make_share(directory: Path) -> Path:
    """The good sources, and two bad ones; a third is missing."""
    for number, (width, height) in enumerate(_SIDES):
        make_jp2(
            directory / f"good-{number}.jp2", width, height, channels=1 if number % 3 == 1 else 3, seed=number
        )
    make_jp2(directory / CUT, 300, 200)
    cut(directory / CUT, 0.6)
    (directory / NO_JP2).write_bytes(b"this is no image\n" * 100)
    return directory


def export_rows(share: Path, first: int, count: int) -> Iterator[Row]:
    """Rows with numbers from `first` on."""
    for number in range(first, first + count):
        yield Row(
            representation(number // _ROWS_IN_A_REPRESENTATION),
            f"B{number // _ROWS_IN_A_REPRESENTATION:06}",
            f"99{number:08}",
            f"image_{number:06}.tif",
            "plates",
            str(share / _source(number)),
        )


def _source(number: int) -> str:
    bad = {1: MISSING, 2: CUT, 3: NO_JP2}.get(number % _BAD_EVERY)
    return bad or f"good-{number % len(_SIDES)}.jp2"


def calm_outcomes(directory: Path) -> dict[str, Outcome]:
    """By the source's name."""
    share = make_share(directory / "share")
    photostat("init", directory / "calm")
    write_export(directory / "calm.csv", export_rows(share, 0, _BAD_EVERY))
    photostat("add", directory / "calm.csv", workspace=directory / "calm")
    photostat("run", "--headless", workspace=directory / "calm", expect=1)
    outcomes = {}
    for row in list_rows(directory / "calm"):
        stored = directory / "calm" / "out" / row["target"]
        md5 = hashlib.md5(stored.read_bytes()).hexdigest() if row["state"] == "done" else None
        assert md5 == row["md5"]
        outcomes[Path(row["source"]).name] = Outcome(row["state"], row["cause"], md5)
    assert {outcome.cause for outcome in outcomes.values()} == {
        None, "source-missing", "truncated", "not-jpeg2000"
    }  # fmt: skip
    return outcomes
