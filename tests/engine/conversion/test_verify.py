"""The verification finds every way in which a JPEG is not its picture, and finds no fault where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.conversion.verify import ExpectedJpeg, stripes, verify_jpeg
from engine.failures import Cause, ImageError
from engine.jpeg.libvips import Image, srgb_profile
from tests.support.jp2_files import picture


def image_of(pixels: NDArray[Any]) -> Any:
    stack = np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
    height, width, bands = stack.shape
    image = Image.new_from_memory(stack, width, height, bands, "uchar")
    return image.copy(interpretation="srgb" if bands == 3 else "b-w")


def saved(
    path: Path, pixels: NDArray[Any], quality: int = 92, subsampled: bool = False, **options: Any
) -> Path:
    mode = "on" if subsampled else "off"
    image_of(pixels).jpegsave(str(path), Q=quality, subsample_mode=mode, quant_table=0, **options)
    return path


def expected(pixels: NDArray[Any], **changes: Any) -> ExpectedJpeg:
    facts: dict[str, Any] = {"quality": 92, "subsampled": False, "icc": None, "release_pages": lambda: None}
    return ExpectedJpeg(image_of(pixels), **(facts | changes))


def refusal(path: Path, what: ExpectedJpeg, verify: str = "sample") -> str:
    with pytest.raises(ImageError) as refused:
        verify_jpeg(path, what, verify)
    assert refused.value.failure.cause is Cause.PROOF_FAILED
    return refused.value.failure.message


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (16, 16), (17, 33), (300, 700)])
def test_right_jpeg_is_verified(channels: int, size: tuple[int, int], tmp_path: Path) -> None:
    pixels = picture(*size, channels)
    verification = verify_jpeg(saved(tmp_path / "a.jpg", pixels, keep="none"), expected(pixels))
    assert verification.psnr_db > 30
    assert verification.compared_share >= 1 / 16


@pytest.mark.parametrize("verify", ["sample", "full"])
def test_share_that_is_compared(verify: str, tmp_path: Path) -> None:
    pixels = picture(64, 1600)
    verification = verify_jpeg(saved(tmp_path / "a.jpg", pixels, keep="none"), expected(pixels), verify)
    assert (
        verification.compared_share == 1 if verify == "full" else 1 / 16 <= verification.compared_share < 0.1
    )


def test_sample_is_spread_over_the_picture_and_always_the_same() -> None:
    chosen = stripes(16_000, "sample", "seed")
    assert chosen == stripes(16_000, "sample", "seed")
    assert chosen != stripes(16_000, "sample", "another")
    for group, (top, rows) in enumerate(chosen):
        assert group * 256 <= top < (group + 1) * 256
        assert rows == 16


def test_other_picture(tmp_path: Path) -> None:
    pixels, other = picture(200, 150), picture(200, 150, seed=5)
    assert "differs from the picture" in refusal(
        saved(tmp_path / "a.jpg", other, keep="none"), expected(pixels)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_few_garbled_blocks(channels: int, tmp_path: Path) -> None:
    pixels = picture(400, 300, channels)
    garbled = pixels.copy()
    garbled[160:176, 96:112] = np.random.default_rng(0).integers(0, 256, garbled[160:176, 96:112].shape)
    path = saved(tmp_path / "a.jpg", garbled, keep="none")
    assert "at column 96, row 160" in refusal(path, expected(pixels), "full")


def test_shifted_by_a_column(tmp_path: Path) -> None:
    pixels = picture(200, 150)
    path = saved(tmp_path / "a.jpg", np.roll(pixels, 1, axis=1), keep="none")
    assert "differs from the picture" in refusal(path, expected(pixels), "full")


def test_channels_in_another_order(tmp_path: Path) -> None:
    pixels = picture(200, 150)
    path = saved(tmp_path / "a.jpg", np.ascontiguousarray(pixels[:, :, ::-1]), keep="none")
    assert "differs from the picture" in refusal(path, expected(pixels))


def test_facts_that_differ_are_named(tmp_path: Path) -> None:
    pixels, profile = picture(64, 48), srgb_profile()
    path = saved(tmp_path / "a.jpg", pixels, keep="none")
    assert "64 × 48 pixels, not 65 × 48" in refusal(path, expected(picture(65, 48)))
    assert "not those of quality 91" in refusal(path, expected(pixels, quality=91))
    assert "4:4:4, not 4:2:0" in refusal(path, expected(pixels, subsampled=True))
    assert "profile" in refusal(path, expected(pixels, icc=profile))
    assert "3 components, not 1" in refusal(path, expected(picture(64, 48, 1)))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_truncated_jpeg(keep: float, tmp_path: Path) -> None:
    pixels = picture(400, 300)
    path = saved(tmp_path / "a.jpg", pixels, keep="none")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refusal(path, expected(pixels))


def test_no_jpeg_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"II*\0")
    assert "not a JPEG" in refusal(tmp_path / "a.jpg", expected(picture(64, 48)))


HARD: dict[str, Callable[[np.random.Generator, tuple[int, int, int]], NDArray[Any]]] = {
    "noise": lambda rng, shape: rng.integers(0, 256, shape),
    "black and white noise": lambda rng, shape: rng.integers(0, 2, shape) * 255,
    "one channel's noise": lambda rng, shape: rng.integers(0, 256, shape) * (np.arange(shape[2]) == 0),
    "checkers": lambda rng, shape: (np.indices(shape).sum(axis=0) % 2) * 255,
    "white": lambda rng, shape: np.full(shape, 255),
}


@settings(max_examples=60, deadline=None)
@example(kind="black and white noise", quality=1, channels=1, subsampled=False, width=2, height=34, seed=34)
@given(
    kind=st.sampled_from(sorted(HARD)),
    quality=st.integers(1, 100),
    channels=st.sampled_from([1, 3]),
    subsampled=st.booleans(),
    width=st.integers(1, 70),
    height=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_nothing_that_was_encoded_right_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    quality: int,
    channels: int,
    subsampled: bool,
    width: int,
    height: int,
    seed: int,
) -> None:
    pixels = HARD[kind](np.random.default_rng(seed), (height, width, channels)).astype(np.uint8)
    path = tmp_path_factory.getbasetemp() / "hard.jpg"
    saved(path, pixels, quality, subsampled, keep="none")
    what = expected(pixels, quality=quality, subsampled=subsampled)
    verify_jpeg(path, what, "full")
