"""What `photostat add` did with an export: what was decided about the file, and what became of its rows."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from engine.ledger.import_report import BatchCounts, ImportReport, LineNote

COUNTS = ("new", "known", "changed", "kept", "colliding")


class AddReport(ImportReport, frozen=True, kw_only=True):
    """Rows read = refused + the sum of new, known, changed and kept."""

    export: str
    encoding: str
    header_line: int | None
    rows: int
    refused: int
    refusals: tuple[LineNote, ...]
    """The first thousand, as of the other notes."""
    notes: tuple[str, ...]
    """What was decided about header and batch names."""

    @property
    def total(self) -> BatchCounts:
        """Over all batches."""
        sums = (sum(getattr(batch, key) for batch in self.batches) for key in COUNTS)
        return BatchCounts("", *sums)

    @property
    def all_is_well(self) -> bool:
        """Every row of the export is, or will be, converted as it stands there."""
        return not (self.refused or self.total.colliding or self.total.kept)

    def to_json(self) -> dict[str, Any]:
        """The document of `add --json`."""
        return {
            "export": self.export,
            "encoding": self.encoding,
            "header_line": self.header_line,
            "rows": self.rows,
            **_counts(self.total),
            "malformed": self.refused,
            "freed": self.freed,
            "batches": [{"name": batch.batch, **_counts(batch)} for batch in self.batches],
            "refusals": [structs.asdict(note) for note in self.refusals],
            "collisions": [structs.asdict(note) for note in self.collisions],
            "changes": [structs.asdict(note) for note in self.changed],
            "repeated": [structs.asdict(note) for note in self.repeated],
            "kept_as_done": [structs.asdict(note) for note in self.kept],
            "differ_in_case": [structs.asdict(note) for note in self.alike],
            "notes": list(self.notes),
        }


def _counts(batch: BatchCounts) -> dict[str, int]:
    return {key: getattr(batch, key) for key in COUNTS}
