"""What a check says of GPUs: which there are, what they would decode, and what would be left to the cores, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import EngineSettings
from engine.file_kind import FileKind
from engine.gpu.cards import DEVICES, cards, devices_in, why_no_cards
from engine.gpu.refusals import Refusal
from engine.messages import Surveyed


@dataclass
class GpuOutlook:
    """Of a run as the settings are now, on this machine."""

    setting: str
    lossy: bool
    cards: tuple[str, ...]
    problem: str = ""
    """Why no run starts: one is required, and there is none."""
    unused: str = ""
    """Why those that the driver shows are not used, though the setting allows it."""
    images: int = 0
    """That a GPU would decode, as far as the headers say."""
    refused: Counter[str] = field(default_factory=Counter)
    """Images that would be left to the cores, by reason."""
    kinds: Counter[tuple[FileKind, str]] = field(default_factory=Counter)
    """Images by kind, and why they would be left to the cores; empty if they would not."""

    @classmethod
    def of(cls, settings: EngineSettings, devices: Path = DEVICES) -> GpuOutlook | None:
        """None where no GPU is asked for, or none is there and the cores will do."""
        if settings.gpu == "off":
            return None
        found = tuple(card.name for card in cards(devices))
        if found:
            return cls(settings.gpu, settings.gpu_lossy, found)
        if settings.gpu == "require":
            problem = f'gpu = "require" under [engine], and {why_no_cards(devices)}: no run starts'
            return cls(settings.gpu, settings.gpu_lossy, (), problem)
        if not devices_in(devices):
            return None
        return cls(settings.gpu, settings.gpu_lossy, (), unused=why_no_cards(devices))

    def add(self, found: Surveyed) -> None:
        """An image that can be converted."""
        is_allowed = self.lossy and found.gpu_refusal == Refusal.LOSSY
        reason = "" if is_allowed else found.gpu_refusal
        if reason:
            self.refused[reason] += 1
        else:
            self.images += 1
        if found.kind is not None:
            self.kinds[(found.kind, reason)] += 1
