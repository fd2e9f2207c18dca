"""`photostat quality` reads the quality of any JPEG from its quantisation tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips
from PIL import Image

from tests.support.command_line import photostat


def test_quality_is_read_from_the_tables(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (64, 80, 3), np.uint8)
    image = pyvips.Image.new_from_array(pixels)
    image.jpegsave(str(tmp_path / "a.jpg"), Q=87, subsample_mode="on")
    Image.fromarray(pixels).save(tmp_path / "b.jpg", qtables="web_high")
    (tmp_path / "c.jpg").write_bytes(b"not a picture")
    outcome = photostat(
        "quality", *(tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")), "--json", expect=1
    )
    first, second, third, fourth = outcome.json
    assert (first["quality"], first["standard"], first["subsampling"]) == (87, True, "4:2:0")
    assert not second["standard"]
    assert second["rms_difference"] > 0
    assert "not a JPEG" in third["error"]
    assert fourth["path"].endswith("d.jpg")
    table = photostat("quality", tmp_path / "a.jpg", tmp_path / "b.jpg").stdout
    assert "standard" in table
    assert "not standard" in table
