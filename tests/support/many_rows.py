"""Ledgers of many rows that are quick to make and can be converted: their sources are the same few JP2 files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.ledger.import_rows import ExportRow
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.jp2_files import make_jp2
from tests.support.ledgers import export

ALL_ROWS = 430_057
"""Of the collection that DESIGN.md tells of."""
_SOURCES = 4
_LONG_RECORD = "\u0432" * 440


@dataclass(frozen=True)
class ManyRows:
    """A workspace to be copied."""

    root: Path
    rows: int

    def copy_to(self, root: Path, settings: str) -> Path:
        """A workspace with these rows, all pending, and these settings. The sources are shared."""
        made = Workspace.init(root)
        (root / "photostat.toml").write_text(settings, encoding="utf-8")
        made.ledger_path.parent.mkdir(parents=True, exist_ok=True)
        made.ledger_path.write_bytes(Workspace(self.root).ledger_path.read_bytes())
        return root


def make_many_rows(root: Path, rows: int) -> ManyRows:
    sources = [make_source(root / "source" / f"{number}.jp2", number) for number in range(_SOURCES)]
    workspace = Workspace.init(root)
    with Ledger.open(workspace, "add") as ledger:
        ledger.import_rows(_export(rows, sources))
    return ManyRows(root, rows)


def make_source(path: Path, number: int) -> Path:
    make_jp2(path, 64 + number, 48, seed=number)
    return path


def _export(rows: int, sources: list[Path]) -> Iterator[ExportRow]:
    """Every tenth row has a record id that is too long for an object's metadata."""
    for number, row in enumerate(export(rows)):
        record = _LONG_RECORD if number % 10 == 0 else row.record
        yield row._replace(source=str(sources[number % len(sources)]), record=record)
