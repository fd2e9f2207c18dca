"""The ledger's rows as values: what the supervisor works with, and what lists and pages show."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from engine.config import JpegSettings
from engine.config.cluster_extra import HERE
from engine.failures import REMEDIES, Cause
from engine.file_kind import FileKind
from engine.ledger.account import Account
from engine.ledger.states import AttemptOutcome, ImageState
from engine.messages import StoreRequest, Surveyed

EQUAL_PSNR_DB = 100.0
"""Stands for infinity, which JSON does not have; a JPEG that differs from its 8-bit source does not come near."""


class PendingImage(Struct, frozen=True):
    """A pending image whose header is known: it may start."""

    image_id: int
    batch: str
    uuid: str
    record: str
    source: str
    """The path to read, [manifest] root applied."""
    target: str
    checksum: str
    attempts: int
    """Of this round, so far; only those that count."""
    surveyed: Surveyed
    quality: int | None = None
    """Of its own; None is as its batch has it, as with `subsampling`."""
    subsampling: str | None = None
    may_replace: tuple[str, ...] = ()
    """See StoreRequest."""

    def jpeg_settings(self, of_batch: JpegSettings) -> JpegSettings:
        """What its JPEG is made with."""
        return of_batch.with_own(self.quality, self.subsampling)

    @property
    def width(self) -> int:
        return self.surveyed.width

    @property
    def height(self) -> int:
        return self.surveyed.height

    @property
    def megapixels(self) -> float:
        return self.surveyed.width * self.surveyed.height / 1e6

    @property
    def source_bytes(self) -> int:
        return self.surveyed.source_bytes

    @property
    def subject(self) -> Subject:
        return Subject(self.image_id, self.record, self.source, self.target)


class Subject(Struct, frozen=True):
    """The image that an event is about."""

    image_id: int
    record: str
    source: str
    """The path to read, [manifest] root applied."""
    target: str


class Recovered(Struct, frozen=True):
    """An image that an earlier engine had converted and not stored yet: its JPEG should lie on scratch."""

    request: StoreRequest
    batch: str
    source: str
    megapixels: float
    source_bytes: int
    host: str
    """The machine whose scratch that is; empty for the engine's own."""


class MeasuredPeak(Struct, frozen=True):
    """What an attempt was predicted to need, before any correction, and what it took."""

    image_id: int
    mode: str
    """One of DecodeMode."""
    predicted_bytes: int
    peak_rss_bytes: int


class ImageRow(Struct, frozen=True):
    """Everything the ledger knows of an image."""

    id: int
    batch: str
    uuid: str
    barcode: str
    record: str
    name: str
    type: str
    source: str
    """As the export has it."""
    checksum: str
    target: str
    state: ImageState
    attempts: int
    stage: str | None
    cause: str | None
    message: str | None
    hint: str | None
    reason: str | None
    """Why a person accepted it."""
    width: int | None
    height: int | None
    components: int | None
    bits: int | None
    tile_width: int | None
    tile_height: int | None
    levels: int | None
    colour: str | None
    source_bytes: int | None
    source_digest: str | None
    jpeg_bytes: int | None
    jpeg_width: int | None
    jpeg_height: int | None
    md5: str | None
    psnr: float | None
    """dB; infinity if JPEG and source are equal in every sample that was compared."""
    warnings: tuple[str, ...]
    peak_rss_bytes: int | None
    updated: float
    """Unix time, s, of the last change."""
    verdict: str | None = None
    """`fine` or `not-fine`, of the JPEG that it has now; None if nobody has said so."""
    verdict_why: str | None = None
    verdict_by: str | None = None
    verdict_at: float | None = None
    """Unix time, s."""
    quality: int | None = None
    """Of its own; None is as its batch has it, as with `subsampling`."""
    subsampling: str | None = None
    replaces: str | None = None
    """The MD5 of the delivered JPEG that stays in the store until another one is in its place."""
    host: str | None = None
    """On which its last attempt was; HERE is the engine's own. None if it was never tried."""
    decoded: str | None = None
    """What made the pixels of its JPEG (PixelsBy); None if it has none."""

    @property
    def remedy(self) -> str | None:
        return (self.hint or REMEDIES[Cause(self.cause)]) if self.cause else None

    @property
    def megapixels(self) -> float | None:
        return self.width * self.height / 1e6 if self.width and self.height else None

    @classmethod
    def of(cls, row: Iterable[Any]) -> ImageRow:
        """`row` has IMAGE_COLUMNS."""
        values = list(row)
        values[_STATE] = ImageState(values[_STATE])
        values[_WARNINGS] = tuple(json.loads(values[_WARNINGS]))
        return cls(*values)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The keys of `to_json`, in its order."""
        return (*_NAMES, "remedy")

    def to_json(self) -> dict[str, Any]:
        """As `failures --json` and `list --json` print it; an infinite PSNR is EQUAL_PSNR_DB there."""
        document: dict[str, Any] = {name: getattr(self, name) for name in _NAMES}
        document["warnings"] = list(self.warnings)
        document["remedy"] = self.remedy
        if self.psnr is not None and math.isinf(self.psnr):
            document["psnr"] = EQUAL_PSNR_DB
        return document


FIELDS = tuple(field.name for field in structs.fields(ImageRow))
"""Of an ImageRow, and of a row of IMAGE_COLUMNS."""
_NAMES = tuple(name for name in FIELDS if name != "hint")
_STATE, _WARNINGS = FIELDS.index("state"), FIELDS.index("warnings")
_PRESENT_VERDICT = (
    "(SELECT v.{} FROM verdicts v WHERE v.id = i.verdict AND v.md5 = i.md5 AND i.state = 'done' "
    "AND v.verdict <> 'withdrawn')"
)
_ELSEWHERE = {
    "batch": "b.name",
    "verdict": _PRESENT_VERDICT.format("verdict"),
    "verdict_why": _PRESENT_VERDICT.format("why"),
    "verdict_by": _PRESENT_VERDICT.format("person"),
    "verdict_at": _PRESENT_VERDICT.format("given"),
    "replaces": "(SELECT r.md5 FROM replacements r WHERE r.image = i.id AND r.replaced IS NULL)",
    "host": f"iif(i.host = '', '{HERE}', i.host)",
}
"""Fields that are not the columns of `images` as they are."""
IMAGE_COLUMNS = ", ".join(_ELSEWHERE.get(name, f"i.{name}") for name in FIELDS)
"""In the order of ImageRow's fields, over `images i JOIN batches b`."""


class Attempt(Struct, frozen=True):
    number: int
    round: int
    pid: int
    mode: str
    """One of DecodeMode."""
    predicted_bytes: int
    started: float
    """Unix time, s."""
    ended: float | None
    outcome: AttemptOutcome | None
    """None while it runs."""
    stage: str | None
    cause: str | None
    message: str | None
    peak_rss_bytes: int | None
    cpu_s: float | None
    wall_s: float | None
    host: str = ""
    """The machine that `pid` is on; empty for the engine's own."""
    decoded: str = ""
    """One of PixelsBy: what really decoded it; of an attempt that made no JPEG, what was to."""
    gpu: str = ""
    """What came of giving it to a GPU (`GpuOutcome.word`); empty if it was not."""


class Event(Struct, frozen=True):
    id: int
    time: float
    """Unix time, s."""
    level: str
    """One of EventLevel, or another version's word, like `kind`."""
    kind: str
    """One of EventKind."""
    message: str
    image_id: int | None
    pid: int | None
    target: str = ""
    """Of the image that it is about; empty if it is about none."""
    notable: bool = False
    """It is kept for good."""
    times: int = 1
    """So many events of its kind, for the same `fold`, are told as this one, which is the last of them."""
    first: float = 0.0
    """When the first of them came, Unix time, s."""
    fold: str = ""
    """A cause, or the reason of a hold; empty if it is told alone."""
    host: str = ""
    """The machine that `pid` is on; empty for the engine's own."""

    @property
    def image(self) -> str:
        """The target's file name."""
        return self.target.rpartition("/")[2]

    def to_json(self) -> dict[str, Any]:
        """As `events --json` prints it."""
        return {
            "id": self.id,
            "time": self.time,
            "first": self.first,
            "times": self.times,
            "level": self.level,
            "kind": self.kind,
            "cause": self.fold or None,
            "notable": self.notable,
            "message": self.message,
            "image": self.image_id,
            "target": self.target or None,
            "pid": self.pid,
            "host": self.host or None,
        }


class FailureGroup(Struct, frozen=True):
    """The images that have failed for one cause."""

    cause: str
    images: int

    @property
    def remedy(self) -> str:
        return REMEDIES[Cause(self.cause)]


class KindCount(Struct, frozen=True):
    """How many images are of a kind; of none (None) if their header was not read yet, or by an earlier photostat."""

    kind: FileKind | None
    images: int
    done: int
    failed: int
    warned: int
    """With warnings."""


class DecodedCount(Struct, frozen=True):
    """Images that are done, by what made the pixels of their JPEGs and what a GPU that was asked said."""

    by: str
    """One of PixelsBy."""
    gpu: str
    """`GpuOutcome.word`; empty if none was asked."""
    images: int
    megapixels: float
    cpu_s: float
    """Of the workers."""
    wall_s: float


class Representation(Struct, frozen=True):
    """The images of one digitised item."""

    uuid: str
    images: tuple[ImageRow, ...]
    account: Account

    @property
    def is_complete(self) -> bool:
        """Every image is done, or a person accepted that it is not."""
        return 0 < self.account.rows == self.account.done_or_accepted
