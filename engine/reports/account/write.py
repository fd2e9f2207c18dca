"""Writes the report: the page, and three tables for spreadsheets; each whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.reports.account.figures import BatchFigures, Figures, Progress, collect
from engine.reports.account.page import render

BATCH_COLUMNS = (
    *("batch", "images", "pending", "in_flight", "done", "failed", "accepted", "megapixels"),
    *("source_bytes", "jpeg_bytes", "jpeg_quality", "psnr_lowest_db", "psnr_5_percent_db", "psnr_median_db"),
    *(
        "psnr_highest_db",
        "identical",
        "far_below",
        "first_unix_s",
        "last_unix_s",
        "busy_s",
        "cpu_s",
        "attempts",
    ),
)
IMAGE_COLUMNS = (
    *("id", "batch", "uuid", "barcode", "record", "source", "target", "state", "attempts", "stage", "cause"),
    *("message", "remedy", "reason", "width", "height", "source_bytes", "jpeg_bytes", "md5", "psnr"),
)


@dataclass(frozen=True)
class Written:
    page: Path
    tables: tuple[Path, ...]
    figures: Figures


def write_report(
    reader: LedgerReader,
    directory: Path,
    title: str,
    version: str,
    quality_of: Callable[[str], int],
    batch: str | None = None,
    progress: Progress = lambda images: None,
) -> Written:
    """Writes report.html, batches.csv, failures.csv and attention.csv into the directory. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    names = ("batches.csv", "failures.csv", "attention.csv")
    with ExitStack() as stack:
        batches, failures, attention = (stack.enter_context(_replacing(directory / name)) for name in names)
        put_failure = _table(failures, IMAGE_COLUMNS)
        put_attention = _table(attention, (*IMAGE_COLUMNS, "why"))

        def each(row: ImageRow) -> None:
            if row.state in ("failed", "accepted"):
                put_failure(_cells(row))
            if row.warnings:
                put_attention([*_cells(row), "; ".join(row.warnings)])

        def each_flagged(row: ImageRow) -> None:
            put_attention([*_cells(row), "PSNR far below its batch"])

        figures = collect(reader, title, version, quality_of, batch, each, each_flagged, progress)
        put_batch = _table(batches, BATCH_COLUMNS)
        for batch_figures in figures.batches:
            put_batch(_batch_cells(batch_figures))
        stack.enter_context(_replacing(directory / "report.html")).write(render(figures))
    return Written(directory / "report.html", tuple(directory / name for name in names), figures)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that takes its name when it is whole; nothing is left of it otherwise."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _table(stream: TextIO, columns: Sequence[str]) -> Callable[[Sequence[Any]], Any]:
    writer = csv.writer(stream)
    writer.writerow(columns)
    return writer.writerow


def _cells(row: ImageRow) -> list[Any]:
    document = row.to_json()
    return ["" if document[column] is None else document[column] for column in IMAGE_COLUMNS]


def _batch_cells(batch: BatchFigures) -> list[Any]:
    account = asdict(batch.account)
    psnr, times = batch.psnr, batch.times
    finite = psnr.finite > 0
    lowest = (psnr.lowest, psnr.quantile(0.05), psnr.median, psnr.highest)
    return [
        batch.name,
        *(account[key] for key in ("rows", "pending", "in_flight", "done", "failed", "accepted")),
        round(batch.megapixels.total, 3),
        int(batch.source_bytes.total),
        int(batch.jpeg_bytes.total),
        batch.quality,
        *(round(value, 2) if finite and value is not None else "" for value in lowest),
        psnr.identical,
        batch.flagged_count,
        *(
            (times.first, times.last, round(times.busy_s, 1), round(times.cpu_s, 1), times.attempts)
            if times
            else ("",) * 5
        ),
    ]
