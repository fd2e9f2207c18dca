"""Whether the GPU's samples are OpenJPEG's, as these come tile by tile or all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jp2.decoding.openjpeg import DecodedPlane

_ROWS_AT_ONCE = 64
LOSSY_SHARE = 0.001
"""Of the samples of a lossy file that may differ by 1: decoders round the 9-7 differently (0.00005 measured)."""


class SampleComparison:
    def __init__(self, samples: NDArray[Any], *, lossy: bool) -> None:
        """`samples` are the GPU's, (rows, columns, components)."""
        self._samples = samples
        self._lossy = lossy
        self._different = 0
        self._largest = 0

    def see(self, planes: Sequence[DecodedPlane]) -> None:
        """OpenJPEG's samples of a part of the picture."""
        for index, plane in enumerate(planes):
            height, width = plane.samples.shape
            for top in range(0, height, _ROWS_AT_ONCE):
                theirs = plane.samples[top : top + _ROWS_AT_ONCE]
                y = plane.y0 + top
                ours = self._samples[y : y + len(theirs), plane.x0 : plane.x0 + width, index]
                if not np.array_equal(ours, theirs):
                    self._note(np.abs(ours.astype(np.int64) - theirs))

    def _note(self, differences: NDArray[np.int64]) -> None:
        self._different += int(np.count_nonzero(differences))
        self._largest = max(self._largest, int(differences.max()))

    def difference(self) -> str:
        """What differs, in words; empty if nothing does that may not."""
        if not self._different or (self._lossy and self._is_rounding):
            return ""
        return f"{self._different:,} of {self._samples.size:,} samples differ, by up to {self._largest:,}"

    @property
    def _is_rounding(self) -> bool:
        return self._largest <= 1 and self._different <= LOSSY_SHARE * self._samples.size
