"""Writes the report: a page and four tables for spreadsheets, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.csv_output import start_table
from engine.files.atomic_files import replacing
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import Verdict
from engine.reports.account.collect import collect
from engine.reports.account.csv_tables import (
    ATTENTION_COLUMNS,
    BATCH_COLUMNS,
    IMAGE_COLUMNS,
    KIND_COLUMNS,
    batch_cells,
    image_cells,
    kind_cells,
)
from engine.reports.account.figures import Figures
from engine.reports.account.page import render
from engine.run_account.account import RunAccount

_FAR_BELOW = "PSNR far below its batch"


@dataclass(frozen=True)
class WrittenReport:
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
    progress: Callable[[int], None] = lambda images: None,
    run: RunAccount | None = None,
) -> WrittenReport:
    """Writes report.html and batches.csv, kinds.csv, failures.csv, attention.csv into the directory.

    Arguments are those of `collect`. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / "report.html"
    tables = tuple(directory / name for name in ("batches.csv", "kinds.csv", "failures.csv", "attention.csv"))
    with ExitStack() as stack:
        batches, kinds, failures, attention = (stack.enter_context(replacing(table)) for table in tables)
        add_failure = start_table(failures, IMAGE_COLUMNS)
        add_attention = start_table(attention, ATTENTION_COLUMNS)

        def for_image(row: ImageRow) -> None:
            if row.state in ("failed", "accepted"):
                add_failure(image_cells(row))
            if row.verdict == Verdict.NOT_FINE:
                add_attention([*image_cells(row), f"not fine: {row.verdict_why}"])
            if row.warnings:
                add_attention([*image_cells(row), "; ".join(row.warnings)])

        def for_flagged(row: ImageRow) -> None:
            add_attention([*image_cells(row), _FAR_BELOW])

        figures = collect(reader, title, version, quality_of, batch, for_image, for_flagged, progress, run)
        add_batch = start_table(batches, BATCH_COLUMNS)
        for batch_figures in figures.batches:
            add_batch(batch_cells(batch_figures))
        add_kind = start_table(kinds, KIND_COLUMNS)
        for count in figures.kinds.all:
            add_kind(kind_cells(count))
        stack.enter_context(replacing(page)).writelines(render(figures))
    return WrittenReport(page, tables, figures)
