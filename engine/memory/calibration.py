"""Predictions of memory are corrected by what the images of this collection have really taken. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from engine.messages import DecodeMode

_MIB = 2**20


class PeakSample(Struct, frozen=True):
    """What an attempt was predicted to need, without correction, and what it took. Bytes."""

    mode: DecodeMode
    predicted_bytes: int
    peak_bytes: int


class Calibration(Struct, frozen=True):
    """A factor on the predictions for each decode mode, learnt from measured peaks."""

    whole: float = 1.0
    tiles: float = 1.0
    strips: float = 1.0

    def factor(self, mode: DecodeMode) -> float:
        return {DecodeMode.WHOLE: self.whole, DecodeMode.TILES: self.tiles, DecodeMode.STRIPS: self.strips}[
            mode
        ]

    def times(self, factor: float) -> Calibration:
        return Calibration(self.whole * factor, self.tiles * factor, self.strips * factor)


UNCORRECTED = Calibration()

_SAMPLES_PER_MODE = 64
_MARGIN = 1.03
_HIGHEST_FACTOR = 4.0
_LEAST_PREDICTED_BYTES = 256 * _MIB
"""The peak of a small image is mostly the process's own and shows little about larger images."""


def calibrate(peaks: Iterable[PeakSample]) -> Calibration:
    """The correction that follows from the newest attempts; `peaks` are newest first.

    The factor of a mode is the largest of its newest ratios, and a little more. It never lowers a prediction: one that
    is too high costs a short wait, one that is too low costs an image."""
    ratios: dict[DecodeMode, list[float]] = {mode: [] for mode in DecodeMode}
    for peak in peaks:
        if len(ratios[peak.mode]) < _SAMPLES_PER_MODE and peak.predicted_bytes >= _LEAST_PREDICTED_BYTES:
            ratios[peak.mode].append(peak.peak_bytes / peak.predicted_bytes)
    return Calibration(
        *(_factor(ratios[mode]) for mode in (DecodeMode.WHOLE, DecodeMode.TILES, DecodeMode.STRIPS))
    )


def _factor(ratios: list[float]) -> float:
    worst = max(ratios, default=1.0)
    return 1.0 if worst <= 1.0 else min(worst * _MARGIN, _HIGHEST_FACTOR)
