"""What a check has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.control.snapshot import HoldReason
from engine.failures import Failure
from engine.preflight.gpu_outlook import GpuOutlook
from engine.store.base import StoreStep, StoreTrial

JPEG_SHARE = 0.45
"""JPEG at quality 92 over lossless JP2, bytes: 7.23 TB became 2.93 TB at 0.41, the demo collection 0.45."""


@dataclass(frozen=True)
class WouldHold:
    """Something that would hold a run at once."""

    reason: HoldReason
    detail: str
    """What it is, one line."""

    @property
    def is_trouble(self) -> bool:
        """Not the hours, which the settings want."""
        return self.reason is not HoldReason.HOURS


@dataclass(frozen=True)
class Finding:
    """An image that would fail, and why."""

    image_id: int
    batch: str
    source: str
    target: str
    failure: Failure


@dataclass
class Preflight:
    """What the check has found so far; `megapixels` and bytes are those of images that can be converted."""

    images: int = 0
    converted_meanwhile: int = 0
    """Were to be looked at, and a running engine had begun or finished them before."""
    megapixels: float = 0.0
    source_bytes: int = 0
    cpu_s: float = 0.0
    strips: int = 0
    """Images that would be decoded in strips."""
    largest_need_bytes: int = 0
    largest_target: str = ""
    capacity_bytes: int = 0
    workers: int = 1
    seconds_taken: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    store: StoreTrial | Failure | None = None
    """What came of trying the store; None until it has been tried."""
    would_hold: list[WouldHold] = field(default_factory=list)
    """What would keep a run from its first image, as things are now."""
    held_waiting: Mapping[str, int] = field(default_factory=dict)
    """Images of each batch that waits, if people hold all of these."""
    least_need_bytes: int = 0
    """Of the image that takes least memory; 0 if none can be converted."""
    scratch_problem: str | None = None
    """Why scratch cannot be where the settings have it."""
    share_problem: str | None = None
    """Why the share with the sources seems not to be mounted."""
    warnings: list[str] = field(default_factory=list)
    """Settings that do no harm, and are probably mistakes."""
    gpu: GpuOutlook | None = None
    """None where no GPU is asked for, or none is there and the cores will do."""

    @property
    def headers_per_second(self) -> float:
        return self.images / self.seconds_taken if self.seconds_taken else 0.0

    @property
    def predicted_seconds(self) -> float:
        return self.cpu_s / self.workers

    @property
    def predicted_jpeg_bytes(self) -> int:
        return int(self.source_bytes * JPEG_SHARE)

    @property
    def is_clean(self) -> bool:
        trouble = any(hold.is_trouble for hold in self.would_hold)
        gpu_is_missing = self.gpu is not None and bool(self.gpu.problem)
        return not self.findings and self.store_is_proved and not trouble and not gpu_is_missing

    @property
    def store_failure(self) -> Failure | None:
        return self.store if isinstance(self.store, Failure) else None

    @property
    def store_is_proved(self) -> bool:
        """It has been tried, and did all that a run relies on."""
        return isinstance(self.store, StoreTrial) and self.store.is_proof

    @property
    def store_steps_untried(self) -> Mapping[StoreStep, str]:
        """Why a step that a run takes has not been tried; a failure speaks for itself."""
        if self.store is None:
            return dict.fromkeys(StoreStep, "the store has not been tried")
        return self.store.untried if isinstance(self.store, StoreTrial) else {}
