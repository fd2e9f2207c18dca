"""The proof sheet as a page: crops side by side; a click puts the source in the place of a JPEG."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from engine.jpeg.quality import Table, standard_tables
from engine.reports import html
from engine.reports.proof_sheet.sample_image import SampleImage, UnreadableImage


@dataclass(frozen=True)
class QualityTotals:
    """What one quality comes to over all images of a sheet."""

    quality: int
    jpeg_bytes: int
    lowest_db: float
    """PSNR, as the next two."""
    median_db: float
    highest_db: float


@dataclass(frozen=True)
class ProofSheet:
    title: str
    made: float
    """Unix time, s."""
    seed: int
    qualities: tuple[int, ...]
    images: tuple[SampleImage, ...]
    unreadable: tuple[UnreadableImage, ...]
    drawn_from: int
    """Images in the ledger, or in the batch."""

    @property
    def source_bytes(self) -> int:
        return sum(image.source_bytes for image in self.images)

    @property
    def totals(self) -> list[QualityTotals]:
        """One for each quality; none without images."""
        if not self.images:
            return []
        return [self._totals(index, quality) for index, quality in enumerate(self.qualities)]

    def _totals(self, index: int, quality: int) -> QualityTotals:
        jpegs = [image.jpegs[index] for image in self.images]
        psnr_db = [jpeg.psnr_db for jpeg in jpegs]
        return QualityTotals(
            quality,
            sum(jpeg.jpeg_bytes for jpeg in jpegs),
            min(psnr_db),
            statistics.median(psnr_db),
            max(psnr_db),
        )


@dataclass(frozen=True)
class QuantisationTables:
    """The divisors of one quality, 64 each, row by row."""

    quality: int
    luma: Table
    chroma: Table


def render(sheet: ProofSheet) -> Iterator[str]:
    """The document, in pieces."""
    tables = [QuantisationTables(quality, *standard_tables(quality)) for quality in sheet.qualities]
    return html.render("proof_sheet.html", sheet=sheet, quantisation=tables)
