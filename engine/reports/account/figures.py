"""The figures of a report, gathered from the ledger in one pass, in memory that does not grow with the images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.failures import REMEDIES, Cause
from engine.ledger.account import Account
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.times import Times
from engine.reports.account.distribution import Distribution

MOST_LISTED = 200
"""Images a list on the page shows for each cause, flag or warning; the tables beside it have all."""
_MOST_WARNINGS = 500
_PAGE = 500
_TELL_EVERY = 2000

Progress = Callable[[int], None]
"""Images looked at so far."""


@dataclass
class Range:
    """Sum and extremes of something an image has."""

    number: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        self.least = min(self.least, value) if self.number else value
        self.most = max(self.most, value) if self.number else value
        self.number += 1
        self.total += value


@dataclass
class BatchFigures:
    """One batch; sizes and PSNR are of its images done."""

    name: str
    account: Account
    quality: int
    """JPEG quality, as photostat.toml has it now."""
    times: Times | None = None
    source_bytes: Range = field(default_factory=Range)
    jpeg_bytes: Range = field(default_factory=Range)
    megapixels: Range = field(default_factory=Range)
    psnr: Distribution = field(default_factory=Distribution)
    flagged: list[ImageRow] = field(default_factory=list)
    """Far below their batch in PSNR, worst first; MOST_LISTED at most."""
    flagged_count: int = 0


@dataclass
class Causes:
    """The failed images of one cause."""

    cause: str
    remedy: str
    count: int = 0
    images: list[ImageRow] = field(default_factory=list)


@dataclass
class Warned:
    """The images that share a warning."""

    text: str
    """Of the first of them; numbers may differ in the others."""
    count: int = 0
    images: list[ImageRow] = field(default_factory=list)


@dataclass
class Figures:
    title: str
    made: float
    """Unix time, s."""
    version: str
    batches: list[BatchFigures]
    representations: int
    complete: int
    failures: list[Causes]
    """Most first."""
    accepted: list[ImageRow]
    accepted_count: int
    warnings: list[Warned]
    """Most first; _MOST_WARNINGS kinds at most."""
    warned_images: int

    @property
    def account(self) -> Account:
        return sum((batch.account for batch in self.batches), Account())

    def total(self, of: Callable[[BatchFigures], Range]) -> float:
        return sum(of(batch).total for batch in self.batches)


class Collector:
    """Takes images in and keeps the figures."""

    def __init__(self, batches: dict[str, BatchFigures]) -> None:
        self.batches = batches
        self.causes: dict[str, Causes] = {}
        self.warnings: dict[str, Warned] = {}
        self.warned_images = 0
        self.accepted: list[ImageRow] = []
        self.accepted_count = 0

    def take(self, row: ImageRow) -> None:
        if row.state == "done":
            self._take_done(self.batches[row.batch], row)
        elif row.state == "failed":
            cause = row.cause or Cause.INTERNAL.value
            group = self.causes.setdefault(cause, Causes(cause, REMEDIES[Cause(cause)]))
            group.count += 1
            _keep(group.images, row)
        elif row.state == "accepted":
            self.accepted_count += 1
            _keep(self.accepted, row)
        if row.warnings:
            self.warned_images += 1
            for kind, text in {kind_of(text): text for text in row.warnings}.items():
                self._take_warning(kind, text, row)

    def _take_done(self, batch: BatchFigures, row: ImageRow) -> None:
        for value, where in (
            (row.source_bytes, batch.source_bytes),
            (row.jpeg_bytes, batch.jpeg_bytes),
            (row.megapixels, batch.megapixels),
        ):
            if value is not None:
                where.add(value)
        if row.psnr is not None:
            batch.psnr.add(row.psnr)

    def _take_warning(self, kind: str, text: str, row: ImageRow) -> None:
        warned = self.warnings.get(kind)
        if warned is None:
            if len(self.warnings) >= _MOST_WARNINGS:
                return
            warned = self.warnings[kind] = Warned(text)
        warned.count += 1
        _keep(warned.images, row)


def kind_of(warning: str) -> str:
    """A warning without its numbers, so that the same one of different images counts as one."""
    return "".join("#" if character.isdigit() else character for character in warning)


def _keep(images: list[ImageRow], row: ImageRow) -> None:
    if len(images) < MOST_LISTED:
        images.append(row)


def collect(
    reader: LedgerReader,
    title: str,
    version: str,
    quality_of: Callable[[str], int],
    batch: str | None = None,
    each: Callable[[ImageRow], None] = lambda row: None,
    each_flagged: Callable[[ImageRow], None] = lambda row: None,
    progress: Progress = lambda images: None,
) -> Figures:
    """Reads the ledger through; `each` is given every image on the way, `each_flagged` those far below.

    `quality_of` gives a batch's JPEG quality.
    """
    times = reader.times()
    batches = {
        name: BatchFigures(name, account, quality_of(name), times.get(name))
        for name, account in reader.account().items()
        if batch is None or name == batch
    }
    collector = Collector(batches)
    for number, row in enumerate(reader.iterate(batch=batch), 1):
        collector.take(row)
        each(row)
        if number % _TELL_EVERY == 0:
            progress(number)
    for figures in batches.values():
        _flag(reader, figures, each_flagged)
    representations, complete = reader.representations(batch)
    by_count = sorted(collector.causes.values(), key=lambda group: (-group.count, group.cause))
    return Figures(
        title=title,
        made=time.time(),
        version=version,
        batches=list(batches.values()),
        representations=representations,
        complete=complete,
        failures=by_count,
        accepted=collector.accepted,
        accepted_count=collector.accepted_count,
        warnings=sorted(collector.warnings.values(), key=lambda warned: -warned.count),
        warned_images=collector.warned_images,
    )


def _flag(reader: LedgerReader, figures: BatchFigures, each_flagged: Callable[[ImageRow], None]) -> None:
    """Finds the images far below the batch: the list by PSNR, from the bottom, as far as it goes."""
    limit = figures.psnr.flag_below
    if limit is None:
        return
    offset = 0
    while True:
        page = reader.images(batch=figures.name, state="done", sort="psnr", limit=_PAGE, offset=offset)
        for row in page:
            if row.psnr is None:
                continue
            if row.psnr >= limit:
                return
            figures.flagged_count += 1
            _keep(figures.flagged, row)
            each_flagged(row)
        if len(page) < _PAGE:
            return
        offset += _PAGE
