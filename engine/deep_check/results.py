"""What a deep check asks for and finds: the messages between the command and its children, and the report of it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engine.failures import Failure
from engine.file_kind import FileKind
from engine.gpu_messages import GpuUse
from engine.messages import Surveyed

WHOLE = "whole"
"""The reference of every comparison."""
GPU = "GPU"
"""What the decoding process of one is called among the decoders."""


class Outcome(StrEnum):
    SAME = "same"
    DIFFERS = "differs"
    FAILED = "failed"
    """It could not be decoded in a mode in which a run may decode it."""
    NO_OPINION = "no opinion"
    """The other decoder cannot read this kind; nothing is known to be wrong."""


@dataclass(frozen=True)
class OtherDecoder:
    name: str
    """The program or the library."""
    version: str
    relation: str
    """Whether it is independent of the OpenJPEG that photostat decodes with."""
    independent: bool
    reads_high_throughput: bool = False
    """It decodes a known picture with HT code-blocks right."""
    problem: str = ""
    """Why it is not asked; empty if it is."""


@dataclass(frozen=True)
class SampledImage:
    image_id: int
    source_path: str
    target: str
    surveyed: Surveyed
    kind: FileKind


@dataclass(frozen=True)
class Comparison:
    """Of one image decoded in one other way with the whole image decoded at once."""

    way: str
    """A decode mode, or the name of another decoder."""
    outcome: Outcome
    samples: int = 0
    different: int = 0
    """Samples that differ by more than the tolerance."""
    largest: int = 0
    """Difference."""
    tolerance: int = 0
    place: str = ""
    """Of the first difference."""
    message: str = ""

    @property
    def is_bad(self) -> bool:
        return self.outcome in (Outcome.DIFFERS, Outcome.FAILED)


@dataclass(frozen=True)
class DecodedImage:
    """All that was found of a sampled image."""

    image: SampledImage
    comparisons: tuple[Comparison, ...] = ()
    failure: Failure | None = None
    """Why it could not be decoded at all."""
    skipped: str = ""
    """Why it was not decoded."""

    @property
    def is_bad(self) -> bool:
        return self.failure is not None or any(one.is_bad for one in self.comparisons)


@dataclass(frozen=True)
class ProbeDecoders:
    """Ask a child which other decoders there are and work."""


@dataclass(frozen=True)
class DecodeImage:
    """Ask a child to decode an image in every way and to compare."""

    image: SampledImage
    decoders: tuple[OtherDecoder, ...]
    folder: str
    """An empty directory for what is written meanwhile; the parent removes it, because the child may be killed."""
    memory_bytes: int
    """That the child may take, and each program that it starts."""
    timeout_s: float
    """For each program that it starts."""
    gpu: GpuUse | None = None
    """The decoding process of a GPU, if one is asked."""


@dataclass
class KindResult:
    kind: FileKind
    images: int
    sample: list[DecodedImage] = field(default_factory=list)

    @property
    def decoded(self) -> int:
        return sum(not one.skipped for one in self.sample)

    @property
    def bad(self) -> int:
        return sum(one.is_bad for one in self.sample)


@dataclass
class DeepReport:
    kinds: list[KindResult]
    """The most frequent first."""
    decoders: tuple[OtherDecoder, ...] = ()
    unread: int = 0
    """Images whose header could not be read: they are of no known kind."""
    other_kinds: int = 0
    """Images of kinds beyond the number that is kept."""
    seconds_taken: float = 0.0
    interrupted: bool = False

    @property
    def images(self) -> list[DecodedImage]:
        return [one for kind in self.kinds for one in kind.sample]

    @property
    def is_clean(self) -> bool:
        return not any(one.is_bad for one in self.images)
