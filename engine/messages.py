"""The messages between the supervisor and its processes, sent over their pipes: small frozen Structs."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.config import JpegSettings
from engine.failures import Failure, Stage
from engine.file_kind import FileKind
from engine.gpu_messages import GpuUse


class DecodeMode(StrEnum):
    """How an image's pixels are decoded."""

    WHOLE = "whole"
    """Untiled, in one call."""
    TILES = "tiles"
    """Tile by tile, in tile rows."""
    STRIPS = "strips"
    """Untiled, area by area on one open codec, because the whole does not fit in memory."""


class PixelsBy(StrEnum):
    """What has made the pixels of a JPEG: OpenJPEG in a decode mode, or a GPU."""

    WHOLE = "whole"
    TILES = "tiles"
    STRIPS = "strips"
    GPU = "gpu"


class Plan(Struct, frozen=True):
    """How to decode, decided from the header before the image starts."""

    mode: DecodeMode
    threads: int = 1
    """Of OpenJPEG; more than one only if cores would be idle otherwise."""
    pixels_on_disk: bool = False
    """The 8-bit pixels are in a scratch file instead of in memory."""
    strip_rows: int = 2048
    predicted_bytes: int = 0
    """Peak resident set size of the worker while it converts this image."""
    correction: float = 1.0
    """The factor in `predicted_bytes` that earlier images taught."""
    shared_bytes: int = 0
    """The part of `predicted_bytes` that is for a GPU's process to write to; 0: there is no room for that."""


class Job(Struct, frozen=True):
    """An image for a worker, which writes `scratch_path` whole and proved, or not at all."""

    image_id: int
    attempt: int
    uuid: str
    source_path: str
    checksum: str
    """`md5:HEX`, `sha1:HEX` or `sha256:HEX` of the source from the manifest; empty if there is none."""
    scratch_path: str
    jpeg: JpegSettings
    strict: bool
    plan: Plan
    gpu: GpuUse | None = None
    """None: OpenJPEG decodes it."""


class ReadAhead(Struct, frozen=True):
    """Read this source into the page cache while another image is converted."""

    source_path: str


class WorkerReady(Struct, frozen=True):
    """A new worker has loaded its libraries and takes images."""


class StageChanged(Struct, frozen=True):
    image_id: int
    stage: Stage


class Converted(Struct, frozen=True):
    """A proved JPEG is on scratch."""

    image_id: int
    scratch_path: str
    width: int
    """Of the JPEG, pixels."""
    height: int
    source_bytes: int
    source_digest: str
    """`md5:HEX` of the source bytes as read (or another algorithm, if the manifest has one)."""
    jpeg_bytes: int
    md5: str
    """Of the JPEG, hexadecimal."""
    psnr_db: float
    """Against the decoded source, over the sample that was compared; infinity if identical."""
    warnings: tuple[str, ...]
    """Warnings of the decoder, and what was changed on purpose (alpha flattened, CMYK converted, shrunk)."""
    peak_rss_bytes: int
    cpu_s: float
    wall_s: float
    attempt: int = 1
    """The number that the job had."""
    decoded: str = ""
    """One of PixelsBy."""


class NotConverted(Struct, frozen=True):
    """The image failed; its worker is ready for another."""

    image_id: int
    failure: Failure
    warnings: tuple[str, ...]
    peak_rss_bytes: int
    cpu_s: float
    wall_s: float
    attempt: int = 1
    """The number that the job had."""
    source_bytes: int = 0
    """Of the source; 0 if it could not be opened."""
    source_digest: str = ""
    """As in Converted; empty if not all of the source was read."""


class StoreRequest(Struct, frozen=True):
    """A proved JPEG on scratch, for the uploader to put into the store under its target name."""

    image_id: int
    scratch_path: str
    target: str
    """Relative to the store's root, `BATCH/UUID/NAME.jpg`."""
    jpeg_bytes: int
    md5: str
    record: str
    uuid: str
    source_digest: str
    may_replace: tuple[str, ...] = ()
    """MD5s of objects under this target that a person wants to have replaced; any other one stays."""


class FaultKind(StrEnum):
    """Whose fault it is that a transfer failed, and so what happens next."""

    ITEM = "image"
    """The image fails: for example, a different object has its name."""
    CONFIGURATION = "configuration"
    """The engine holds at once: access denied, no such bucket, wrong endpoint."""
    TRANSIENT = "world"
    """The transfer is retried, and the engine holds if many fail: time-outs, resets, 5xx, SlowDown."""


class Stored(Struct, frozen=True):
    """The object is in the store, confirmed; `existed` if an identical one was there already."""

    image_id: int
    existed: bool
    wall_s: float
    warnings: tuple[str, ...] = ()
    """What the store has not taken with the object."""


class NotStored(Struct, frozen=True):
    image_id: int
    fault: FaultKind
    failure: Failure
    never_answered: bool = False
    """Nothing has answered at the store's address since the uploader started."""


class KnownObject(Struct, frozen=True):
    """An image's JPEG in the store, as the ledger has it."""

    target: str
    jpeg_bytes: int


class KnownStore(Struct, frozen=True):
    """What the ledger knows of its store."""

    owner: str = ""
    """16 hexadecimal digits in the names of this workspace's unfinished files; no other workspace has the same."""
    images: int = 0
    """How many should be there."""
    sample: tuple[KnownObject, ...] = ()
    """Some of them: if none of these is there, this is not the store."""
    host: str = ""
    """Of the uploader: what others of this workspace have not finished is not its to remove. Empty on the engine's own
    machine."""


class ProbeStore(Struct, frozen=True):
    """Ask the uploader to check the store by putting a tiny object there and deleting it."""

    known: KnownStore = KnownStore()
    overrule: bool = False
    """A person says that this is the store, although it shows nothing of what the ledger knows."""


class ShareOfBandwidth(Struct, frozen=True):
    """From now on the uploader may send so much a second: its part of what the settings let all hosts send together."""

    bytes_per_s: int


class StoreProbed(Struct, frozen=True):
    """The answer to ProbeStore; `fault` and `failure` are None if the store works."""

    fault: FaultKind | None = None
    failure: Failure | None = None
    never_answered: bool = False
    """As in NotStored."""
    overruled: bool = False
    """The store shows nothing of what the ledger knows, and is taken because a person says so."""


class Concerns(StrEnum):
    CODECS = "codecs"
    SOURCES = "sources"
    STORE = "store"


class Problem(Struct, frozen=True):
    """Why a machine cannot work with others for now."""

    concerns: Concerns
    why: str
    """With a path, if there is one, and what to do; one line."""
    advice: str = ""
    """What to do, where `why` has another path each time."""

    def is_like(self, other: Problem) -> bool:
        """Whether people who know the other one learn nothing new."""
        if self.concerns is not other.concerns:
            return False
        return self.why == other.why or (self.advice != "" and self.advice == other.advice)


class SurveyRequest(Struct, frozen=True):
    """Check a source before its image may start: whether it is there, and what its header has."""

    image_id: int
    source_path: str
    uuid: str = ""
    """The image's representation."""
    digest: str = ""
    """`md5`, `sha1` or `sha256`: read all of it, for this digest."""


class Surveyed(Struct, frozen=True):
    """What the header has: enough to order and admit the image."""

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
    """Width times height of a code-block; OpenJPEG keeps a record for each."""
    whole_only: bool = False
    """Strips of it come out wrong, so it is decoded whole or not at all."""
    kind: FileKind | None = None
    """None if an earlier photostat has read it."""
    gpu_refusal: str = ""
    """In a check: why no GPU decodes it, by its header; for irreversible files, if they are not allowed."""
    source_digest: str = ""
    """`ALGORITHM:HEX`, if it was asked for."""


class NotSurveyed(Struct, frozen=True):
    image_id: int
    failure: Failure


class SurveyProgress(Struct, frozen=True):
    """What has been read since the last message, and what is being read; sent every second, and at the end."""

    found: tuple[Surveyed | NotSurveyed, ...]
    reading: int | None
    """This image's header; None if all that was asked for has been answered."""
    reading_s: float = 0.0
    """For so long."""


class NeighbourSource(Struct, frozen=True):
    """Another source of the export, by which the surveyor finds out whether the share is there."""

    source_path: str
    uuid: str
    was_there: bool
    """Its header has been read, in this run or an earlier one."""


class MissingSource(Struct, frozen=True):
    """A source that could not be read: check it again, and by its neighbours whether the share is away."""

    request: SurveyRequest
    neighbours: tuple[NeighbourSource, ...]


class ShareAway(Struct, frozen=True):
    """What shows that a share, or a part of it, is away."""

    directory: str
    """Nothing below it is there."""
    detail: str
    """One line."""


class SourceDiagnosis(Struct, frozen=True):
    """The answer to MissingSource."""

    found: Surveyed | NotSurveyed
    """The source as it is now."""
    away: ShareAway | None
    """None if only this source is at fault, or nothing is."""


class ProbeSource(Struct, frozen=True):
    """Ask the surveyor whether the share that these sources are on is there again."""

    missing: tuple[MissingSource, ...]


class ReadSource(Struct, frozen=True):
    """Ask the surveyor to read the beginning of this source; any SourceProbed shows that the share answers."""

    source_path: str


class SourceProbed(Struct, frozen=True):
    """Why the share is still away, one line; None if it is there."""

    fault: str | None


class Quit(Struct, frozen=True):
    """End when what is under way has ended."""
