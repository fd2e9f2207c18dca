"""Adds a collection export (CSV or a workbook, a row an image) to the ledger.

`rows` decides which rows are well formed; what becomes of those, `engine.ledger.import_rows` decides.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from msgspec import structs

from engine.config import ManifestSettings
from engine.formatting import counted
from engine.ledger.import_report import ImportReport
from engine.ledger.import_rows import ExportRow
from engine.ledger.states import EventKind, EventLevel
from engine.manifest.batches import BatchNames, batch_for_all
from engine.manifest.columns import find_columns
from engine.manifest.export_file import ExportFile
from engine.manifest.report import COUNTS, AddReport
from engine.manifest.rows import RowReader

_RECORDS_EXAMINED = 100
"""Enough to tell whether there is a header, and how many columns there are."""


class ImportTarget(Protocol):
    """What an import needs of a ledger, or of a copy of one."""

    def account(self) -> Mapping[str, object]:
        """By batch."""

    def transaction(self, *, power_safe: bool = False) -> AbstractContextManager[None]: ...

    def import_rows(self, rows: Iterator[ExportRow], export: str = "") -> ImportReport: ...

    def event(self, level: EventLevel, kind: EventKind, message: str, *, pid: int | None = None) -> None: ...


def add(
    ledger: ImportTarget,
    export: Path,
    settings: ManifestSettings,
    *,
    batch: str | None = None,
    split_by: str | None = None,
    progress: Callable[[int], None] = lambda rows: None,
    person: str = "",
) -> AddReport:
    """Adds an export, in one transaction. `progress` is called now and then with the number of rows read;
    `person` is who adds it, if nobody else records that.

    Without `batch` and `split_by` the file's name is the batch's. Raises UserError if the file cannot be read as
    an export with the columns it should have; then nothing was added."""
    file = ExportFile(export, settings.encoding)
    records = file.records()
    head = list(islice(records, _RECORDS_EXAMINED))
    layout = find_columns(head, settings, split_by, str(export))
    batches = BatchNames(ledger.account(), batch_for_all(export, batch) if split_by is None else None)
    reader = RowReader(layout, batches, settings, progress)
    body = chain(head[1:] if layout.header_line else head, records)
    with ledger.transaction(power_safe=True):
        imported = ledger.import_rows(reader.rows(body), export.name)
        report = AddReport(
            **structs.asdict(imported),
            export=str(export),
            encoding=file.encoding,
            header_line=layout.header_line,
            rows=reader.count,
            refused=reader.refused,
            refusals=tuple(reader.refusals),
            notes=(
                *file.notes,
                layout.note,
                *batches.notes,
                *reader.hints.notes(),
                *_respelled(imported.respelled),
            ),
        )
        _note_in_history(ledger, export, report, person)
    return report


def _respelled(rows: int) -> tuple[str, ...]:
    if not rows:
        return ()
    written = f"{counted(rows, 'row')} {'writes its UUID' if rows == 1 else 'write their UUIDs'}"
    return (
        f"{written} in other capitals than the representation's first row: its directory keeps the first spelling",
    )


def _note_in_history(ledger: ImportTarget, export: Path, report: AddReport, person: str) -> None:
    """An event about the import, if it changed anything."""
    total = report.total
    if total.new or total.changed or report.freed:
        counts = ", ".join(f"{getattr(total, key):,} {key}" for key in COUNTS)
        message = f"{export.name}: {counts}, {report.refused:,} refused"
        message += f", by {person}" if person else ""
        ledger.event(EventLevel.INFO, EventKind.ADD, message, pid=os.getpid())
