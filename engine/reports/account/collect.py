"""Gathers the figures from the ledger in one pass, in memory that does not grow with the number of images."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.failures import REMEDIES, Cause
from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from engine.ledger.verdicts import Verdict
from engine.reports.account.figures import (
    BatchFigures,
    CauseGroup,
    DecodedTable,
    Figures,
    KindTable,
    WarningGroup,
)
from engine.run_account.account import RunAccount

MOST_LISTED = 200
"""Images that the page lists for each cause or warning, and as far below their batch; the CSV tables have all."""
_MOST_WARNING_GROUPS = 500
_ROWS_A_QUERY = 500
_PROGRESS_EVERY_IMAGES = 2000

ForImage = Callable[[ImageRow], None]


def collect(
    reader: LedgerReader,
    title: str,
    version: str,
    quality_of: Callable[[str], int],
    batch: str | None = None,
    for_image: ForImage = lambda row: None,
    for_flagged: ForImage = lambda row: None,
    progress: Callable[[int], None] = lambda images: None,
    run: RunAccount | None = None,
) -> Figures:
    """Reads the whole ledger, or one batch of it.

    `quality_of` gives the JPEG quality of a batch. On the way `for_image` is called with every image, `for_flagged`
    with those whose PSNR is far below their batch, and `progress` with the number of images read."""
    times = reader.work_times()
    batches = {
        name: BatchFigures(name, account, quality_of(name), times.get(name), reader.standing(name))
        for name, account in reader.account().items()
        if batch is None or name == batch
    }
    collector = _Collector(batches)
    for number, row in enumerate(reader.iterate(ImageFilter(batch=batch)), 1):
        collector.add(row)
        for_image(row)
        if number % _PROGRESS_EVERY_IMAGES == 0:
            progress(number)
    for figures in batches.values():
        _flag(reader, figures, for_flagged)
    representations, complete = reader.representations(batch)
    replaced, to_be_replaced = reader.replacement_counts(batch)
    return Figures(
        title=title,
        made=time.time(),
        version=version,
        batches=list(batches.values()),
        representations=representations,
        complete=complete,
        failures=sorted(collector.causes.values(), key=lambda group: (-group.count, group.cause)),
        accepted=collector.accepted,
        accepted_count=collector.accepted_count,
        not_fine=collector.not_fine,
        not_fine_count=collector.not_fine_count,
        replaced=replaced,
        to_be_replaced=to_be_replaced,
        warnings=sorted(collector.warnings.values(), key=lambda group: -group.count),
        warned_images=collector.warned_images,
        kinds=KindTable(reader.kinds(batch)),
        decoded=DecodedTable(reader.decoded(batch), reader.count(ImageFilter(batch=batch, gpu_differs=True))),
        run=run,
    )


class _Collector:
    def __init__(self, batches: dict[str, BatchFigures]) -> None:
        self._batches = batches
        self.causes: dict[str, CauseGroup] = {}
        self.warnings: dict[str, WarningGroup] = {}
        self.warned_images = 0
        self.accepted: list[ImageRow] = []
        self.accepted_count = 0
        self.not_fine: list[ImageRow] = []
        self.not_fine_count = 0

    def add(self, row: ImageRow) -> None:
        if row.state == "done":
            self._add_done(self._batches[row.batch], row)
        elif row.state == "failed":
            cause = row.cause or Cause.INTERNAL.value
            group = self.causes.setdefault(cause, CauseGroup(cause, REMEDIES[Cause(cause)]))
            group.count += 1
            _list(group.images, row)
        elif row.state == "accepted":
            self.accepted_count += 1
            _list(self.accepted, row)
        if row.verdict == Verdict.NOT_FINE:
            self.not_fine_count += 1
            _list(self.not_fine, row)
        if row.warnings:
            self.warned_images += 1
            for kind, text in {_without_digits(text): text for text in row.warnings}.items():
                self._add_warning(kind, text, row)

    def _add_done(self, batch: BatchFigures, row: ImageRow) -> None:
        for value, statistics in (
            (row.source_bytes, batch.source_bytes),
            (row.jpeg_bytes, batch.jpeg_bytes),
            (row.megapixels, batch.megapixels),
        ):
            if value is not None:
                statistics.add(value)
        if row.psnr is not None:
            batch.psnr.add(row.psnr)

    def _add_warning(self, kind: str, text: str, row: ImageRow) -> None:
        group = self.warnings.get(kind)
        if group is None:
            if len(self.warnings) >= _MOST_WARNING_GROUPS:
                return
            group = self.warnings[kind] = WarningGroup(text)
        group.count += 1
        _list(group.images, row)


def _without_digits(warning: str) -> str:
    """What the warnings of different images have in common."""
    return "".join("#" if character.isdigit() else character for character in warning)


def _list(images: list[ImageRow], row: ImageRow) -> None:
    if len(images) < MOST_LISTED:
        images.append(row)


def _flag(reader: LedgerReader, figures: BatchFigures, for_flagged: ForImage) -> None:
    """Finds the images far below the batch: those with the lowest PSNR, up to the limit."""
    limit = figures.psnr.flag_below
    if limit is None:
        return
    done = ImageFilter(batch=figures.name, state=ImageState.DONE)
    offset = 0
    while True:
        rows = reader.images(done, sort="psnr", limit=_ROWS_A_QUERY, offset=offset)
        for row in rows:
            if row.psnr is None:
                continue
            if row.psnr >= limit:
                return
            figures.flagged_count += 1
            _list(figures.flagged, row)
            for_flagged(row)
        if len(rows) < _ROWS_A_QUERY:
            return
        offset += _ROWS_A_QUERY
