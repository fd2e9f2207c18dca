"""The pixels' memory is kept from tiled image to tiled image, as much as the next one needs and no more."""

from __future__ import annotations

import errno
import queue
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.failures import Cause, ImageError
from engine.jp2.decoding.decode import Picture, decoded
from engine.jp2.decoding.openjpeg import DecodedPlane, DecoderMessages
from engine.jp2.decoding.pixel_memory import PixelMemory
from engine.jp2.decoding.pixels import PixelArea, PixelWriter, pixel_grid
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.messages import DecodeMode, Job, Plan, Quit
from engine.processes.worker import _next_job
from tests.support.conversions import convert, job
from tests.support.jp2_files import Encoding, make_jp2
from tests.support.renders import colour_plan_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is kept on Linux only")
LARGE, SMALL, BYTES = (512, 512, 3), (128, 512, 3), np.dtype(np.uint8)


@linux
def test_an_image_gets_what_the_one_before_had_and_nothing_beyond_its_own_need_stays() -> None:
    memory = PixelMemory(1 << 20)
    first = memory.lend(LARGE, BYTES)
    first[...] = 7
    small = memory.lend(SMALL, BYTES)
    assert small.shape == SMALL
    assert (small == 7).all(), "the same pages"
    again = memory.lend(LARGE, BYTES)
    assert (again[:128] == 7).all()
    assert (again[128:] == 0).all(), "pages that the small image did not need were given back"
    again[...] = 9
    memory.release()
    assert (memory.lend((512, 256, 3), np.dtype(np.uint16)) == 0).all()


def test_of_an_image_that_is_too_large_nothing_is_kept() -> None:
    memory = PixelMemory(LARGE[0] * LARGE[1] * LARGE[2] - 1)
    small = memory.lend(SMALL, BYTES)
    small[...] = 7
    large = memory.lend(LARGE, BYTES)
    large[...] = 9
    assert large.flags.owndata
    small = memory.lend(SMALL, BYTES)
    assert not (small == 7).all(), "what was kept was given back for the large one"


@linux
def test_without_memory_it_is_a_failure_of_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    make_jp2(tmp_path / "a.jp2", 128, 128, encoding=Encoding(tile=(64, 64)))
    monkeypatch.setattr("engine.jp2.decoding.pixel_memory.mmap.mmap", refuse)
    with pytest.raises(ImageError) as failed:
        convert(tmp_path / "a.jp2", plan=Plan(DecodeMode.TILES), memory=PixelMemory())
    assert failed.value.failure.cause is Cause.OUT_OF_MEMORY


def test_jpegs_have_the_same_bytes_with_memory_that_other_images_used(tmp_path: Path) -> None:
    sizes = {"a": (192, 128, 3), "b": (130, 70, 3), "c": (192, 128, 1)}
    for name, (width, height, components) in sizes.items():
        make_jp2(
            tmp_path / f"{name}.jp2", width, height, encoding=Encoding(tile=(64, 64)), channels=components
        )
    fresh = {name: convert(tmp_path / f"{name}.jp2", plan=Plan(DecodeMode.TILES))[0].md5 for name in sizes}
    memory = PixelMemory()
    for name, mode in (*((name, DecodeMode.TILES) for name in "abca"), ("a", DecodeMode.WHOLE)):
        made, _ = convert(tmp_path / f"{name}.jp2", plan=Plan(mode), memory=memory)
        assert made.md5 == fresh[name], (name, mode)


@linux
@pytest.mark.parametrize("mode", DecodeMode)
def test_only_images_in_tiles_leave_memory_to_the_next(mode: DecodeMode, tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, encoding=None if mode is DecodeMode.STRIPS else Encoding(tile=(64, 64)))
    memory = PixelMemory()
    memory.lend(LARGE, BYTES)[...] = 7
    plan = colour_plan_of(path)

    def check(picture: Picture) -> None:
        assert picture.pixels.flags.owndata is (mode is not DecodeMode.TILES)

    with Jp2File.open(path) as file:
        features = check_structure(file).features
        way = Plan(mode, strip_rows=64)
        with decoded(file, features, way, plan, DecoderMessages(), tmp_path / "px", memory=memory) as picture:
            check(picture)
    kept = memory.lend(LARGE, BYTES)
    assert kept.any() == (mode is DecodeMode.TILES)
    assert not kept.reshape(-1)[256 * 192 * 3 :].any(), "no more than this image's own"


def test_pixels_that_were_left_out_are_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 64, 64)
    with Jp2File.open(path) as file:
        writer = PixelWriter(colour_plan_of(path), pixel_grid(file.header), np.empty((64, 64, 3), np.uint8))
    planes = [DecodedPlane(np.zeros((64, 64), np.int32), 0, 0, 1, 1)] * 3
    writer.write(planes, PixelArea(0, 0, 64, 63))
    with pytest.raises(ImageError, match="64 of the picture's pixels were not decoded"):
        writer.check_complete()
    writer.write(planes, PixelArea(0, 63, 64, 64))
    writer.check_complete()


def test_a_worker_that_waits_gives_memory_back_and_one_that_goes_on_does_not(tmp_path: Path) -> None:
    jobs: queue.SimpleQueue[Job | Quit] = queue.SimpleQueue()
    first, second = job(tmp_path / "1.jp2"), job(tmp_path / "2.jp2")
    released: list[bool] = []

    def release() -> None:
        released.append(True)
        jobs.put(second)

    jobs.put(first)
    assert _next_job(jobs, release) == first
    assert released == []
    assert _next_job(jobs, release) == second
    assert released == [True]
