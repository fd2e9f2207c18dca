"""An image becomes a verified JPEG under its name on scratch, or nothing at all does."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine.conversion.convert
from engine.conversion.convert import convert_image
from engine.failures import Cause, ImageError, Stage
from engine.jpeg.inspect import describe
from engine.messages import DecodeMode, Plan
from tests.support.conversions import convert, job, left_behind
from tests.support.decodes import EVERY_PLAN
from tests.support.jp2_files import (
    Encoding,
    Plane,
    Wrapping,
    cut,
    make_jp2,
    picture,
    write_codestream,
    write_jp2,
)


def failure_of(source: Path, **changes: Any) -> ImageError:
    with pytest.raises(ImageError) as failed:
        convert(source, **changes)
    assert left_behind(source) == []
    return failed.value


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_jpeg_is_the_picture_and_the_answer_has_its_facts(
    channels: int, tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", 203, 150, channels=channels, encoding=Encoding(tile=tile))
    stages: list[Stage] = []
    made, path = convert(tmp_path / "a.jp2", stages)
    content = path.read_bytes()
    assert left_behind(tmp_path / "a.jp2") == ["1.jpg"]
    assert (made.width, made.height, made.jpeg_bytes) == (203, 150, len(content))
    assert made.md5 == hashlib.md5(content).hexdigest()
    source = (tmp_path / "a.jp2").read_bytes()
    assert made.source_bytes == len(source)
    assert made.source_digest == f"md5:{hashlib.md5(source).hexdigest()}"
    assert stages == [Stage.READING, Stage.DECODING, Stage.ENCODING, Stage.PROVING]
    assert made.cpu_s > 0
    assert made.peak_rss_bytes > 10_000_000
    with Image.open(path) as read_back:
        assert read_back.mode == ("L" if channels == 1 else "RGB")
        error = np.asarray(read_back).astype(float) - pixels
    mse = float((error**2).mean())
    assert made.psnr_db > 33
    assert abs(made.psnr_db - 10 * np.log10(255**2 / mse)) < 1.0  # of a sample; by another decoder
    assert made.warnings == ()


FILES: dict[str, Callable[[Path], object]] = {
    "RGB": lambda path: make_jp2(path, 301, 207),
    "RGB in tiles": lambda path: make_jp2(path, 301, 207, encoding=Encoding(tile=(64, 48))),
    "12-bit grey": lambda path: make_jp2(path, 150, 211, channels=1, bits=12),
    "lossy": lambda path: make_jp2(path, 301, 207, encoding=Encoding(reversible=False, ratios=(12,))),
    "4:2:0": lambda path: write_codestream(
        path, [Plane(picture(100, 80, 1)), *(Plane(picture(50, 40, 1, seed=s), dx=2, dy=2) for s in (1, 2))]
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_bytes_are_the_same_in_every_mode_with_any_threads_and_twice(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "a.jp2"
    FILES[kind](source)
    digests = {convert(source, plan=plan)[0].md5 for plan in (*EVERY_PLAN, EVERY_PLAN[0])}
    assert len(digests) == 1


@pytest.mark.parametrize("quality", [30, 75, 89, 90, 92, 100])
@pytest.mark.parametrize("subsampling", ["auto", "4:4:4", "4:2:0"])
def test_quality_and_subsampling_are_those_asked(quality: int, subsampling: str, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 120, 90)
    _, path = convert(tmp_path / "a.jp2", quality=quality, subsampling=subsampling)
    description = describe(path)
    assert (description.quality.quality, description.quality.standard) == (quality, True)
    automatic = "4:4:4" if quality >= 90 else "4:2:0"
    assert description.facts.subsampling == (automatic if subsampling == "auto" else subsampling)


def test_optimised_and_progressive_are_smaller_and_the_same_picture(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 300, 200)
    plain, path = convert(tmp_path / "a.jp2")
    with Image.open(path) as opened:
        expected = np.asarray(opened)
    optimised, _ = convert(tmp_path / "a.jp2", optimize=True)
    progressive, path = convert(tmp_path / "a.jp2", optimize=True, progressive=True)
    assert optimised.jpeg_bytes < plain.jpeg_bytes
    assert describe(path).facts.progressive
    assert progressive.psnr_db == plain.psnr_db
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(opened), expected)


def test_verify_full_measures_every_row(tmp_path: Path) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", 200, 600)
    made, path = convert(tmp_path / "a.jp2", verify="full")
    with Image.open(path) as opened:
        error = np.asarray(opened).astype(float) - pixels
    assert made.psnr_db == pytest.approx(10 * np.log10(255**2 / (error**2).mean()), abs=0.05)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_checksum_of_the_manifest_is_checked(algorithm: str, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 64, 64)
    right = hashlib.new(algorithm, (tmp_path / "a.jp2").read_bytes()).hexdigest()
    made, path = convert(tmp_path / "a.jp2", checksum=f"{algorithm}:{right.upper()}")
    assert made.source_digest == f"{algorithm}:{right}"
    path.unlink()
    wrong = ("0" if right[0] != "0" else "1") + right[1:]
    failed = failure_of(tmp_path / "a.jp2", checksum=f"{algorithm}:{wrong}").failure
    assert (failed.cause, failed.stage) == (Cause.CORRUPT, Stage.READING)
    assert right in failed.message
    assert wrong in failed.message


def test_source_that_is_not_there(tmp_path: Path) -> None:
    failed = failure_of(tmp_path / "none.jp2").failure
    assert (failed.cause, failed.stage) == (Cause.SOURCE_MISSING, Stage.READING)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", Cause.NOT_JPEG2000),
        (b"II*\0" + bytes(5000), Cause.NOT_JPEG2000),
        (b"\xff\xd8\xff\xe0" + bytes(100), Cause.NOT_JPEG2000),
    ],
)
def test_wrong_file_under_the_name(content: bytes, cause: Cause, tmp_path: Path) -> None:
    (tmp_path / "a.jp2").write_bytes(content)
    assert failure_of(tmp_path / "a.jp2").failure.cause is cause


@pytest.mark.parametrize("tile", [None, (64, 64)])
@pytest.mark.parametrize("keep", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("end_marker", [False, True])
def test_truncated_source(
    keep: float, end_marker: bool, tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    make_jp2(tmp_path / "a.jp2", encoding=Encoding(tile=tile))
    cut(tmp_path / "a.jp2", keep, end_marker)
    assert failure_of(tmp_path / "a.jp2").failure.cause in (Cause.TRUNCATED, Cause.CORRUPT)


def test_source_that_changes_under_way(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    (tmp_path / "scratch").mkdir()

    def change(stage: Stage) -> None:
        if stage is Stage.ENCODING:
            os.utime(tmp_path / "a.jp2", ns=(1, 1))

    with pytest.raises(ImageError, match="changed while") as failed:
        convert_image(job(tmp_path / "a.jp2"), change)
    assert failed.value.failure.cause is Cause.SOURCE_UNREADABLE
    assert left_behind(tmp_path / "a.jp2") == []


def test_decoder_warnings_are_reported_and_fail_the_image_if_strict(
    conformance: Path, tmp_path: Path
) -> None:
    source = tmp_path / "p1_05.j2k"
    source.write_bytes((conformance / "p1_05.j2k").read_bytes())
    made, path = convert(source)
    assert any(warning.startswith("OpenJPEG: ") for warning in made.warnings)
    path.unlink()
    failed = failure_of(source, strict=True)
    assert failed.failure.cause is Cause.CORRUPT
    assert "strict" in failed.failure.message
    assert failed.warnings == made.warnings


@pytest.fixture
def panorama(tmp_path: Path) -> Path:
    row = picture(65_600, 8, 1)
    write_jp2(tmp_path / "wide.jp2", row, Encoding(levels=2))
    return tmp_path / "wide.jp2"


def test_side_beyond_what_a_jpeg_holds(panorama: Path) -> None:
    failed = failure_of(panorama).failure
    assert (failed.cause, failed.stage) == (Cause.TOO_LARGE_FOR_JPEG, Stage.VALIDATING)
    assert "65,600 × 8" in failed.message


def test_side_beyond_what_a_jpeg_holds_is_shrunk_when_asked(panorama: Path) -> None:
    made, path = convert(panorama, oversize="shrink")
    assert (made.width, made.height) == (65_500, 8)
    assert made.warnings == ("shrunk from 65,600 × 8 to 65,500 × 8 pixels",)
    with Image.open(path) as opened:
        assert opened.size == (65_500, 8)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """EFBIG is what a full disk looks like without one: the write is refused half-way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("plan", [Plan(DecodeMode.WHOLE), Plan(DecodeMode.STRIPS, pixels_on_disk=True)])
def test_no_room_on_scratch(plan: Plan, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 400, 300)
    with files_no_larger_than(20_000):
        failed = failure_of(tmp_path / "a.jp2", plan=plan).failure
    assert failed.cause is Cause.DISK_FULL


@pytest.mark.parametrize("plan", [Plan(DecodeMode.WHOLE), Plan(DecodeMode.STRIPS, pixels_on_disk=True)])
def test_scratch_that_is_gone_or_is_no_directory_is_no_fault_of_an_image(plan: Plan, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30)
    asked = job(tmp_path / "a.jp2", plan=plan)
    for why in ("No such file or directory", "Not a directory"):
        with pytest.raises(ImageError) as failed:
            convert_image(asked, lambda stage: None)
        assert failed.value.failure.cause is Cause.DISK_FULL
        message = failed.value.failure.message
        assert message.startswith("scratch cannot be written: ") and message.endswith(why)
        Path(asked.scratch_path).parent.touch()


def test_jpeg_that_is_not_verified_never_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_jp2(tmp_path / "a.jp2", 40, 30)
    seen: list[list[str]] = []

    def refuse(path: Path, *_: object) -> None:
        seen.append(left_behind(tmp_path / "a.jp2"))
        raise ImageError(Cause.PROOF_FAILED, Stage.PROVING, "as this test wants it")

    monkeypatch.setattr(engine.conversion.convert, "verify_jpeg", refuse)
    failed = failure_of(tmp_path / "a.jp2").failure
    assert failed.cause is Cause.PROOF_FAILED
    assert seen == [["1.jpg.part"]]


def test_what_was_changed_on_purpose_is_a_warning(tmp_path: Path) -> None:
    rows = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))
    write_jp2(tmp_path / "a.jp2", picture(64, 48, 4), None, Wrapping(channels=rows))
    made, _ = convert(tmp_path / "a.jp2")
    assert made.warnings == ("alpha flattened on #ffffff",)


def test_name_that_is_not_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jp2")
    make_jp2(tmp_path / "a.jp2", 64, 48)
    (tmp_path / "a.jp2").rename(tmp_path / name)
    made, _ = convert(tmp_path / name)
    assert made.width == 64
