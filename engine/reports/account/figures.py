"""The figures of a report, as the page and the tables show them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engine.formatting import counted, integer
from engine.ledger.account import Account, WorkTimes
from engine.ledger.models import DecodedCount, ImageRow, KindCount
from engine.ledger.verdicts import Standing
from engine.messages import PixelsBy
from engine.reports.account.psnr_distribution import PsnrDistribution
from engine.run_account.account import RunAccount
from engine.run_account.words import Line, lines


@dataclass
class Statistics:
    """Of something that every image has: megapixels, bytes."""

    count: int = 0
    """Images for which it is known."""
    total: float = 0.0
    smallest: float = 0.0
    largest: float = 0.0

    def add(self, value: float) -> None:
        self.smallest = min(self.smallest, value) if self.count else value
        self.largest = max(self.largest, value) if self.count else value
        self.count += 1
        self.total += value

    @property
    def mean(self) -> float:
        """0 without any image."""
        return self.total / max(1, self.count)

    def __add__(self, other: Statistics) -> Statistics:
        known = [one for one in (self, other) if one.count]
        return Statistics(
            self.count + other.count,
            self.total + other.total,
            min((one.smallest for one in known), default=0.0),
            max((one.largest for one in known), default=0.0),
        )


@dataclass
class BatchFigures:
    """One batch; sizes and PSNR are of its images that are done."""

    name: str
    account: Account
    quality: int
    """JPEG quality, as photostat.toml has it now."""
    times: WorkTimes | None = None
    standing: Standing | None = None
    """How far its sign-off is."""
    source_bytes: Statistics = field(default_factory=Statistics)
    jpeg_bytes: Statistics = field(default_factory=Statistics)
    megapixels: Statistics = field(default_factory=Statistics)
    psnr: PsnrDistribution = field(default_factory=PsnrDistribution)
    flagged: list[ImageRow] = field(default_factory=list)
    """Images with a PSNR far below the batch, the lowest first; as many as a page lists."""
    flagged_count: int = 0

    @property
    def images_per_hour(self) -> float | None:
        """While at least one image was being converted; None if none was."""
        times = self.times
        return times.converted / times.busy_s * 3600 if times is not None and times.busy_s else None

    @property
    def cpu_s_per_image(self) -> float | None:
        times = self.times
        return times.cpu_s / times.converted if times is not None and times.converted else None

    @property
    def cpu_s_per_megapixel(self) -> float | None:
        times, pixels = self.times, self.megapixels.total
        return times.cpu_s / pixels if times is not None and times.converted and pixels else None


@dataclass
class KindTable:
    """The kinds of files, the most frequent first."""

    all: list[KindCount]

    @property
    def known(self) -> list[KindCount]:
        return [count for count in self.all if count.kind is not None]

    @property
    def unknown(self) -> int:
        """Images whose header was not read yet, or by an earlier photostat."""
        return sum(count.images for count in self.all if count.kind is None)


_DECODED_BY = {
    PixelsBy.WHOLE: "OpenJPEG, whole",
    PixelsBy.TILES: "OpenJPEG, tile by tile",
    PixelsBy.STRIPS: "OpenJPEG, in strips",
    PixelsBy.GPU: "GPU",
}


@dataclass
class DecodedMode:
    """Images that were decoded in one way."""

    by: str
    """One of PixelsBy."""
    images: int = 0
    megapixels: float = 0.0
    cpu_s: float = 0.0
    """Of the workers, for the whole conversion."""

    @property
    def name(self) -> str:
        return _DECODED_BY[PixelsBy(self.by)]

    @property
    def cpu_s_per_megapixel(self) -> float | None:
        return self.cpu_s / self.megapixels if self.megapixels else None


@dataclass
class DecodedTable:
    """What decoded the images that are done, and what a GPU said of those that it was asked for."""

    all: list[DecodedCount]
    doubted: int = 0
    """JPEGs with a GPU's pixels, of kinds of which it has decoded an image differently."""

    @property
    def modes(self) -> list[DecodedMode]:
        """The most frequent first."""
        modes: dict[str, DecodedMode] = {}
        for count in self.all:
            mode = modes.setdefault(count.by, DecodedMode(count.by))
            mode.images += count.images
            mode.megapixels += count.megapixels
            mode.cpu_s += count.cpu_s
        return sorted(modes.values(), key=lambda mode: -mode.images)

    def gpu(self) -> dict[str, int]:
        """Images by what became of them at a GPU (`GpuOutcome.word`), the most frequent first."""
        words: Counter[str] = Counter()
        for count in self.all:
            words[count.gpu] += count.images
        return {word: images for word, images in words.most_common() if word}

    @property
    def gpu_lines(self) -> list[str]:
        """In words; empty if no GPU was asked."""
        words = self.gpu()
        if not words:
            return []
        told = []
        if alone := words.pop("decoded", 0):
            told.append(f"{counted(alone, 'image')} decoded by a GPU alone.")
        if equal := words.pop("compared", 0):
            text = (
                f"{counted(equal, 'image')} decoded by a GPU and by OpenJPEG: the samples are equal, but for "
            )
            told.append(text + "a rounding of 1 in irreversible files.")
        if different := words.pop("differs", 0):
            text = f"{counted(different, 'image')} decoded differently by a GPU: the JPEGs have OpenJPEG’s pixels."
            told.append(text)
        if self.doubted:
            told.append(
                f"{counted(self.doubted, 'JPEG')} of the same kinds of files made from a GPU’s pixels: "
                "`photostat requeue --gpu-differs` replaces them."
            )
        if gone := words.pop("gone", 0):
            told.append(
                f"{counted(gone, 'image')} decoded by OpenJPEG because the GPU’s process gave no answer."
            )
        if words:
            reasons = ", ".join(f"{reason} ({integer(images)})" for reason, images in words.items())
            told.append(f"{counted(sum(words.values()), 'image')} left to OpenJPEG: {reasons}.")
        return told


@dataclass
class CauseGroup:
    """The failed images of one cause."""

    cause: str
    remedy: str
    count: int = 0
    images: list[ImageRow] = field(default_factory=list)
    """As many as a page lists."""


@dataclass
class WarningGroup:
    """The images that share a warning."""

    text: str
    """Of the first of them; the numbers in it may differ in the others."""
    count: int = 0
    images: list[ImageRow] = field(default_factory=list)
    """As many as a page lists."""


@dataclass
class Figures:
    title: str
    made: float
    """Unix time, s."""
    version: str
    batches: list[BatchFigures]
    representations: int
    complete: int
    """Representations of which every image is done or accepted."""
    failures: list[CauseGroup]
    """The most frequent cause first."""
    accepted: list[ImageRow]
    """As many as a page lists."""
    accepted_count: int
    not_fine: list[ImageRow]
    """As many as a page lists."""
    not_fine_count: int
    replaced: int
    """Delivered JPEGs that a person had replaced."""
    to_be_replaced: int
    """Those that stay in the store until then."""
    warnings: list[WarningGroup]
    """The most frequent warning first."""
    warned_images: int
    kinds: KindTable
    decoded: DecodedTable
    run: RunAccount | None = None
    """What happened in the last run; None in the report of one batch, and if there was none."""

    @property
    def run_lines(self) -> tuple[Line, ...]:
        return lines(self.run) if self.run is not None else ()

    @property
    def account(self) -> Account:
        return sum((batch.account for batch in self.batches), Account())

    @property
    def source_bytes(self) -> int:
        """Of the images that are done."""
        return int(sum(batch.source_bytes.total for batch in self.batches))

    @property
    def jpeg_bytes(self) -> int:
        return int(sum(batch.jpeg_bytes.total for batch in self.batches))

    @property
    def megapixels(self) -> Statistics:
        return sum((batch.megapixels for batch in self.batches), Statistics())

    @property
    def started(self) -> list[BatchFigures]:
        """Batches of which an image was tried."""
        return [batch for batch in self.batches if batch.times is not None]

    @property
    def reviewed(self) -> list[Standing]:
        """Of batches of which somebody has said something."""
        standings = [batch.standing for batch in self.batches if batch.standing is not None]
        return [one for one in standings if one.fine or one.not_fine or one.approvals]

    @property
    def measured(self) -> list[BatchFigures]:
        """Batches with a PSNR."""
        return [batch for batch in self.batches if batch.psnr.count]
