"""From a collection export (CSV, a row an image) to the ledger's rows: which are right, which are refused and why.

What happens to the rows that are right — new, known, changed, colliding — is `engine.ledger.import_rows`'s.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from engine.config import ManifestSettings, check_batch_name
from engine.failures import UserError, one_line
from engine.ledger.import_report import NOTES_KEPT, BatchCounts, LineNote
from engine.ledger.import_rows import ExportRow
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.manifest.columns import Layout, recognise
from engine.manifest.csv_reader import Record, read_records
from engine.manifest.names import is_uuid, safe_batch_name, target_name

_DIGEST = re.compile(r"(?:(md5|sha-?1|sha-?256):)?([0-9a-f]+)")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
_HEAD = 100
"""So many records tell whether there is a header and how many columns there are."""
_MANY_BATCHES = 200
"""More material types than this is a wrong column."""
_REPORT_EVERY = 5000


@dataclass(frozen=True)
class AddReport:
    """What `add` did. Rows read = refused + the sum of new, known, changed and kept."""

    export: str
    encoding: str
    header_line: int | None
    rows: int
    batches: tuple[BatchCounts, ...]
    refused: int
    refusals: tuple[LineNote, ...]
    """The first thousand, as of the other remarks."""
    collisions: tuple[LineNote, ...]
    changed: tuple[LineNote, ...]
    kept: tuple[LineNote, ...]
    repeated: tuple[LineNote, ...]
    alike: tuple[LineNote, ...]
    freed: int
    notes: tuple[str, ...]
    """What was decided: header, batch names."""

    @property
    def total(self) -> BatchCounts:
        """Over all batches."""
        sums = (sum(getattr(b, key) for b in self.batches) for key in _COUNTS)
        return BatchCounts("", *sums)

    @property
    def all_is_well(self) -> bool:
        return not (self.refused or self.total.colliding or self.total.kept)

    def to_json(self) -> dict[str, Any]:
        """The document of `add --json`."""
        total = self.total
        return {
            "export": self.export,
            "encoding": self.encoding,
            "header_line": self.header_line,
            "rows": self.rows,
            **{key: getattr(total, key) for key in _COUNTS},
            "malformed": self.refused,
            "freed": self.freed,
            "batches": [{"name": b.batch, **{key: getattr(b, key) for key in _COUNTS}} for b in self.batches],
            "refusals": [asdict(remark) for remark in self.refusals],
            "collisions": [asdict(remark) for remark in self.collisions],
            "changes": [asdict(remark) for remark in self.changed],
            "repeated": [asdict(remark) for remark in self.repeated],
            "kept_as_done": [asdict(remark) for remark in self.kept],
            "differ_in_case": [asdict(remark) for remark in self.alike],
            "notes": list(self.notes),
        }


_COUNTS = ("new", "known", "changed", "kept", "colliding")


def add(
    ledger: Ledger,
    export: Path,
    settings: ManifestSettings,
    *,
    batch: str | None = None,
    split_by: str | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> AddReport:
    """Adds an export, in one transaction. `progress` is told the number of rows read, now and then.

    Without `batch` and `split_by` the file's name says the batch. Raises UserError where the file cannot be
    read as a CSV with the columns it should have; then nothing was added."""
    records = read_records(export, settings.encoding)
    head = list(islice(records, _HEAD))
    layout = recognise(head, settings, split_by, str(export))
    batches = _BatchNames(ledger.account(), _fixed_batch(export, batch) if split_by is None else None)
    reading = _Reading(layout, batches, progress)
    body = chain(head[1:] if layout.header_line else head, records)
    with ledger.transaction(power_safe=True):
        imported = ledger.import_rows(reading.rows(body), export.name)
        report = AddReport(
            export=str(export),
            encoding=settings.encoding,
            header_line=layout.header_line,
            rows=reading.count,
            batches=imported.batches,
            refused=reading.refused,
            refusals=tuple(reading.refusals),
            collisions=imported.collisions,
            changed=imported.changed,
            kept=imported.kept,
            repeated=imported.repeated,
            alike=imported.alike,
            freed=imported.freed,
            notes=(layout.note, *batches.notes),
        )
        total = report.total
        if total.new or total.changed or report.freed:
            counts = ", ".join(f"{getattr(total, key):,} {key}" for key in _COUNTS)
            ledger.event(
                EventLevel.INFO,
                EventKind.ADD,
                f"{export.name}: {counts}, {report.refused:,} refused",
                pid=os.getpid(),
            )
    return report


def _fixed_batch(export: Path, batch: str | None) -> str:
    if batch is None:
        try:
            return safe_batch_name(export.stem)
        except ValueError as error:
            raise UserError(f"{export}: {error}; give one with --batch") from error
    try:
        return check_batch_name(batch)
    except ValueError as error:
        try:
            meant = f": --batch {safe_batch_name(batch)} would do"
        except ValueError:
            meant = ""
        raise UserError(f"--batch {one_line(batch)!r}: {error}{meant}") from error


class _BatchNames:
    """Which batch a row belongs to: always the same one, or one for each material type."""

    def __init__(self, existing: Sequence[str] | dict[str, Any], fixed: str | None) -> None:
        self.fixed = fixed
        self.notes: list[str] = []
        self._by_type: dict[str, str] = {}
        self._by_folded = {name.casefold(): name for name in existing}
        self._first_type: dict[str, str] = {}
        if fixed is not None:
            twin = self._by_folded.get(fixed.casefold(), fixed)
            if twin != fixed:
                self.notes.append(f"batch {fixed} differs from batch {twin} in case alone")

    def of(self, material_type: str) -> str:
        """Raises ValueError for a type that makes no batch name."""
        if self.fixed is not None:
            return self.fixed
        known = self._by_type.get(material_type)
        return known if known is not None else self._name(material_type)

    def _name(self, material_type: str) -> str:
        if not material_type.strip():
            raise ValueError("the column to split by is empty")
        safe = safe_batch_name(material_type.strip())
        name = self._by_folded.setdefault(safe.casefold(), safe)
        first = self._first_type.setdefault(name, material_type)
        self._by_type[material_type] = name
        if len(self._by_type) > _MANY_BATCHES:
            raise UserError(
                f"splitting makes more than {_MANY_BATCHES} batches, the last of them {name!r}: is it the right column?"
            )
        if first != material_type:
            self.notes.append(f"{material_type!r} goes into batch {name}, together with {first!r}")
        elif name != material_type:
            self.notes.append(f"{material_type!r} goes into batch {name}")
        return name


@dataclass
class _Reading:
    """Goes through the records once, and counts."""

    layout: Layout
    batches: _BatchNames
    progress: Callable[[int], None]
    count: int = 0
    refused: int = 0
    refusals: list[LineNote] = field(default_factory=list)

    def rows(self, records: Iterator[Record]) -> Iterator[ExportRow]:
        """The rows that are right; the others are noted."""
        for record in records:
            self.count += 1
            if self.count % _REPORT_EVERY == 0:
                self.progress(self.count)
            try:
                yield self._row(record)
            except ValueError as error:
                self.refused += 1
                if len(self.refusals) < NOTES_KEPT:
                    self.refusals.append(LineNote(record.line, one_line(str(error))))
        self.progress(self.count)

    def _row(self, record: Record) -> ExportRow:
        """Raises ValueError with what is wrong with it."""
        cells, layout = record.cells, self.layout
        if record.fault:
            raise ValueError(record.fault)
        if len(cells) != layout.width:
            raise ValueError(f"{_columns(len(cells))} instead of {layout.width}")
        if "\0" in "".join(cells):
            raise ValueError("there is a NUL character")
        uuid = cells[layout.uuid].strip().lower()
        if not is_uuid(uuid):
            raise ValueError(f"not a UUID: {uuid!r}" if uuid else "the UUID is empty")
        name, source = cells[layout.name], cells[layout.source]
        target = target_name(name)
        if not source.strip():
            raise ValueError("the path of the JP2 is empty")
        batch = self.batches.of(cells[layout.split] if layout.split is not None else "")
        return ExportRow(
            record.line,
            batch,
            uuid,
            layout.optional(cells, "barcode"),
            layout.optional(cells, "record"),
            name,
            layout.optional(cells, "type"),
            source,
            _checksum(layout.optional(cells, "checksum")),
            f"{batch}/{uuid}/{target}",
        )


def _columns(count: int) -> str:
    return f"{count} column{'' if count == 1 else 's'}"


def _checksum(text: str) -> str:
    """`md5:HEX`, `sha1:HEX` or `sha256:HEX`, or nothing; raises ValueError for anything else."""
    if not text.strip():
        return ""
    match = _DIGEST.fullmatch(text.strip().lower())
    algorithm = _ALGORITHMS.get(len(match[2])) if match else None
    named = match[1].replace("-", "") if match and match[1] else algorithm
    if match is None or algorithm is None or named != algorithm:
        raise ValueError(f"not an MD5, SHA-1 or SHA-256 checksum: {text.strip()[:80]!r}")
    return f"{algorithm}:{match[2]}"
