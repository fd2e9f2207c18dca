"""The giant images of the measurements are valid files whose pixels repeat the pattern."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.giants import Giant, photograph, write_giant
from engine.jp2.jp2_file import read_header
from tests.support.jp2_reads import structure_warnings

MAKERS = [
    Giant(2560, 1536),
    Giant(2560, 1536, progression="LRCP"),
    Giant(1536, 1024, components=1),
    Giant(1536, 1024, tile=512),
]


@pytest.mark.parametrize("giant", MAKERS, ids=lambda g: f"{g.width}-{g.components}-{g.progression}-{g.tile}")
def test_a_giant_is_valid_and_shows_the_pattern(tmp_path: Path, giant: Giant) -> None:
    path = tmp_path / "giant.jp2"
    write_giant(path, giant)
    header = read_header(path)
    assert (header.width, header.height, len(header.components)) == (
        giant.width,
        giant.height,
        giant.components,
    )
    assert structure_warnings(path) == ()
    with Image.open(path) as image:
        pixels = np.asarray(image).reshape(giant.height, giant.width, giant.components)
    side = giant.tile or 2048
    pattern = photograph(side, giant.components, 8, giant.grain)
    far_from_seams = min(side, giant.width) - 256, min(side, giant.height) - 256
    across, down = far_from_seams
    assert np.array_equal(pixels[:down, :across], pattern[:down, :across])


def test_sides_that_are_not_whole_squares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="squares of 512"):
        write_giant(tmp_path / "giant.jp2", Giant(1000, 1000))
