"""What the supervisor and its processes say to each other over their pipes: small frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.config import JpegSettings
from engine.failures import Failure, Stage


class DecodeMode(StrEnum):
    """How an image's pixels are decoded."""

    WHOLE = "whole"
    """Untiled, in one call."""
    TILES = "tiles"
    """Tile by tile, in tile rows."""
    STRIPS = "strips"
    """Untiled, area by area on one open codec, because the whole does not fit in memory."""


@dataclass(frozen=True)
class Plan:
    """How to decode, decided from the header before the image starts."""

    mode: DecodeMode
    threads: int = 1
    """OpenJPEG's; more than one only when memory leaves cores idle."""
    pixels_on_disk: bool = False
    """The 8-bit pixels live in a scratch file instead of in memory."""
    strip_rows: int = 2048
    predicted_bytes: int = 0
    """Peak resident set size of the worker while it converts this image."""
    correction: float = 1.0
    """The factor in `predicted_bytes` that was learnt from earlier images."""


@dataclass(frozen=True)
class Job:
    """An image for a worker. The worker writes `scratch_path` whole and proved, or not at all."""

    image_id: int
    attempt: int
    uuid: str
    source_path: str
    checksum: str
    """`md5:HEX`, `sha1:HEX` or `sha256:HEX` of the source from the manifest; empty where there is none."""
    scratch_path: str
    jpeg: JpegSettings
    strict: bool
    plan: Plan


@dataclass(frozen=True)
class ReadAhead:
    """Bring this source into the page cache while the present one decodes."""

    source_path: str


@dataclass(frozen=True)
class WorkerReady:
    """A new worker has loaded its libraries and takes images."""


@dataclass(frozen=True)
class StageChanged:
    image_id: int
    stage: Stage


@dataclass(frozen=True)
class Converted:
    """A proved JPEG waits on scratch."""

    image_id: int
    scratch_path: str
    width: int
    """Of the JPEG, pixels."""
    height: int
    source_bytes: int
    source_digest: str
    """`md5:HEX` of the source bytes as read (the manifest's algorithm where it names another)."""
    jpeg_bytes: int
    md5: str
    """Of the JPEG, hexadecimal."""
    psnr_db: float
    """Against the decoded source, over the sample that was compared; infinity where identical."""
    warnings: tuple[str, ...]
    """What the decoder warned of, and what was changed on purpose (alpha flattened, CMYK converted, shrunk)."""
    peak_rss_bytes: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class NotConverted:
    """The image failed in its worker, which lives on."""

    image_id: int
    failure: Failure
    warnings: tuple[str, ...]
    peak_rss_bytes: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class StoreRequest:
    """A proved JPEG on scratch, for the storer to put under its target name in the store."""

    image_id: int
    scratch_path: str
    target: str
    """Relative to the store's root, `BATCH/UUID/NAME.jpg`."""
    jpeg_bytes: int
    md5: str
    record: str
    uuid: str
    source_digest: str


class FaultKind(StrEnum):
    """Whose fault a failed transfer is."""

    ITEM = "image"
    """Fails the row: a different object has the name, say."""
    CONFIGURATION = "configuration"
    """Holds at once: denied, no such bucket, bad endpoint."""
    TRANSIENT = "world"
    """Retried; holds when many fail: time-outs, resets, 5xx, SlowDown."""


@dataclass(frozen=True)
class Stored:
    """The object is in the store and was confirmed there; `existed` when an identical one was there already."""

    image_id: int
    existed: bool
    wall_s: float


@dataclass(frozen=True)
class NotStored:
    image_id: int
    fault: FaultKind
    failure: Failure
    never_answered: bool = False
    """Nothing has ever answered there in the storer's life."""


@dataclass(frozen=True)
class ProbeStore:
    """Ask the storer whether the store is well again: it puts a tiny object of its own there and deletes it."""

    images_done: int
    """How many images the ledger says are in the store."""


@dataclass(frozen=True)
class StoreProbed:
    """The answer to ProbeStore: both None when the store is well."""

    fault: FaultKind | None = None
    failure: Failure | None = None
    never_answered: bool = False
    """As in NotStored."""


@dataclass(frozen=True)
class SurveyRequest:
    """Look at a source before it may start: is it there, and what does its header say?"""

    image_id: int
    source_path: str
    uuid: str = ""
    """Its representation."""


@dataclass(frozen=True)
class Surveyed:
    """The header's facts, enough to order and admit the image."""

    image_id: int
    source_bytes: int
    width: int
    height: int
    components: int
    bits: int
    tile_width: int
    tile_height: int
    levels: int
    colour: str
    code_block_samples: int = 4096
    """Width by height of a code-block: OpenJPEG keeps a record for each."""


@dataclass(frozen=True)
class NotSurveyed:
    image_id: int
    failure: Failure


@dataclass(frozen=True)
class NeighbourSource:
    """Another source of the export, to judge by whether the share is there."""

    source_path: str
    uuid: str
    was_there: bool
    """Its header has been read, in this run or an earlier one."""


@dataclass(frozen=True)
class MissingSource:
    """A source that could not be read: look again, and judge by its neighbours whether the share is away."""

    request: SurveyRequest
    neighbours: tuple[NeighbourSource, ...]


@dataclass(frozen=True)
class SourceDiagnosis:
    """The answer to MissingSource."""

    found: Surveyed | NotSurveyed
    """What the source is like now."""
    away: str | None
    """Why the share must be away, one line; None where only this source is at fault, or nothing is."""


@dataclass(frozen=True)
class ProbeSource:
    """Ask the scout whether the share that these sources lie on is there."""

    missing: tuple[MissingSource, ...]


@dataclass(frozen=True)
class SourceProbed:
    """None when the share answers and is not an empty mount point."""

    fault: str | None


@dataclass(frozen=True)
class Quit:
    """Leave when what is under way has ended."""
