"""How far strips of a lossy file may be from decoding it whole, as the README says."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from engine.messages import DecodeMode, Plan
from tests.support.decodes import pixels_of
from tests.support.jp2_files import Encoding, make_jp2


def test_strips_of_a_lossy_file_differ_by_one_in_a_few_samples_and_tiles_in_none(tmp_path: Path) -> None:
    """The 9-7 wavelet is computed in floating point, and an area of it in another order."""
    path, samples, different = tmp_path / "a.jp2", 0, 0
    for ratio, seed in product((2.0, 10.0, 40.0), (1, 2)):
        make_jp2(path, 640, 480, seed=seed, encoding=Encoding(reversible=False, ratios=(ratio,)))
        whole = pixels_of(path).astype(int)
        for rows in (64, 200):
            found = np.abs(pixels_of(path, Plan(DecodeMode.STRIPS, strip_rows=rows)) - whole)
            assert found.max() <= 1
            samples, different = samples + found.size, different + int(np.count_nonzero(found))
    assert different <= samples * 1e-5
    make_jp2(path, 640, 480, encoding=Encoding(reversible=False, ratios=(10.0,), tile=(128, 128)))
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.TILES)), pixels_of(path))
    make_jp2(path, 640, 480)
    assert np.array_equal(pixels_of(path, Plan(DecodeMode.STRIPS, strip_rows=64)), pixels_of(path))
