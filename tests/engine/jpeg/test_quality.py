"""The quality of a JPEG is found by its quantisation tables, exactly if they are the standard's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from engine.jpeg.inspect import describe
from engine.jpeg.quality import BASELINE, EXTENDED, estimate_quality, standard_tables
from tests.support.jp2_files import picture
from tests.support.jpegs import saved


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 85, 90, 92, 95, 99, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_quality_of_standard_tables_is_found_exactly(quality: int, channels: int, tmp_path: Path) -> None:
    found = describe(saved(tmp_path / "a.jpg", channels, quality=quality)).quality
    assert found.standard
    assert found.rms_difference == 0
    assert standard_tables(found.quality) == standard_tables(quality)


@pytest.mark.parametrize("quality", [30, 85, 95])
def test_quality_of_rgb_and_cmyk_whose_components_all_have_the_luma_table(
    quality: int, tmp_path: Path
) -> None:
    rgb = saved(tmp_path / "a.jpg", quality=quality, keep_rgb=True)
    Image.fromarray(picture(64, 48, 4), "CMYK").save(tmp_path / "b.jpg", quality=quality)
    for path in (rgb, tmp_path / "b.jpg"):
        found = describe(path)
        assert len(set(found.facts.tables)) == 1
        assert (found.quality.quality, found.quality.standard) == (quality, True)


@pytest.mark.parametrize("quality", [1, 5, 10, 20])
@pytest.mark.parametrize("largest", [BASELINE, EXTENDED])
def test_quality_of_tables_with_divisors_of_sixteen_bits(quality: int, largest: int) -> None:
    luma, chroma = standard_tables(quality, largest)
    assert (max(luma) > 255) == (largest == EXTENDED)
    found = estimate_quality((luma, chroma, chroma))
    assert (found.quality, found.standard) == (quality, True)


def test_tables_of_another_encoder_have_a_nearest_quality(tmp_path: Path) -> None:
    luma, chroma = standard_tables(80)
    own = [[max(1, v + i % 3 - 1) for i, v in enumerate(table)] for table in (luma, chroma)]
    found = describe(saved(tmp_path / "a.jpg", qtables=own)).quality
    assert not found.standard
    assert found.quality == 80
    assert 0 < found.rms_difference < 1


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_there_is_no_such_quality(quality: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        standard_tables(quality)
