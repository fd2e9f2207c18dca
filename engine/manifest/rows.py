"""Turns an export's records into the ledger's rows, and notes those that are malformed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from engine.config import ManifestSettings
from engine.failures import one_line
from engine.formatting import counted
from engine.ledger.import_report import NOTES_KEPT, LineNote
from engine.ledger.import_rows import ExportRow
from engine.manifest.batches import BatchNames
from engine.manifest.columns import Layout
from engine.manifest.csv_reader import Record
from engine.manifest.names import is_uuid, target_name
from engine.manifest.source_hints import SourceHints

_CHECKSUM = re.compile(r"(?:(md5|sha-?1|sha-?256):)?([0-9a-f]+)")
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
"""By the number of hexadecimal digits."""
_C1_CONTROLS = re.compile("[\x80-\x9f]")
_PROGRESS_EVERY_ROWS = 5000


class RowReader:
    """Goes through the records once, and counts."""

    def __init__(
        self, layout: Layout, batches: BatchNames, settings: ManifestSettings, progress: Callable[[int], None]
    ) -> None:
        self._layout = layout
        self._strip = settings.strip
        self.hints = SourceHints(settings.replace)
        self._batches = batches
        self._progress = progress
        self.count = 0
        self.refused = 0
        self.refusals: list[LineNote] = []

    def rows(self, records: Iterator[Record]) -> Iterator[ExportRow]:
        """The well-formed ones; the others are refused and noted."""
        for record in records:
            self.count += 1
            if self.count % _PROGRESS_EVERY_ROWS == 0:
                self._progress(self.count)
            try:
                row = self._row(record)
            except ValueError as error:
                self.refused += 1
                if len(self.refusals) < NOTES_KEPT:
                    self.refusals.append(LineNote(record.line, one_line(str(error))))
                continue
            self.hints.look(row.line, row.source, (row.name, row.source, row.barcode, row.record, row.type))
            yield row
        self._progress(self.count)

    def _row(self, record: Record) -> ExportRow:
        """Raises ValueError, which says what is wrong with the record."""
        cells, layout = record.cells, self._layout
        if record.fault:
            raise ValueError(record.fault)
        if len(cells) != layout.width:
            raise ValueError(f"{counted(len(cells), 'column')} instead of {layout.width}")
        for place in layout.used if record.unclear else ():
            if why := record.unclear.get(place):
                raise ValueError(f"column {place + 1} is {why}: format the column as text in the spreadsheet")
        if "\0" in "".join(cells):
            raise ValueError("there is a NUL character")
        if self._strip:
            cells = [cell.strip() for cell in cells]
        uuid = cells[layout.uuid].strip()
        if not is_uuid(uuid):
            raise ValueError(f"not a UUID: {uuid!r}" if uuid else "the UUID is empty")
        name, source = cells[layout.name], cells[layout.source]
        target = target_name(name)
        if not source.strip():
            raise ValueError("the path of the JP2 is empty")
        if not source.isprintable() and _C1_CONTROLS.search(source):
            raise ValueError(
                f"the path of the JP2 has control characters, as in a wrong encoding: {source!a}"
            )
        batch = self._batches.of(cells[layout.split] if layout.split is not None else "")
        return ExportRow(
            record.line,
            batch,
            uuid,
            layout.optional(cells, "barcode"),
            layout.optional(cells, "record"),
            name,
            layout.optional(cells, "type"),
            source,
            checksum(layout.optional(cells, "checksum")),
            f"{batch}/{uuid}/{target}",
        )


def checksum(text: str) -> str:
    """`md5:HEX`, `sha1:HEX` or `sha256:HEX`, or nothing; raises ValueError for anything else."""
    if not text.strip():
        return ""
    match = _CHECKSUM.fullmatch(text.strip().lower())
    algorithm = _ALGORITHMS.get(len(match[2])) if match else None
    named = match[1].replace("-", "") if match and match[1] else algorithm
    if match is None or algorithm is None or named != algorithm:
        raise ValueError(f"not an MD5, SHA-1 or SHA-256 checksum: {text.strip()[:80]!r}")
    return f"{algorithm}:{match[2]}"
