"""Small renditions: what is drawn of good, damaged and odd files, and what bounds the process that draws."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from engine.config import Config
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.messages import DecodeMode, KnownStore
from engine.renditions import maker
from engine.renditions.drawing import draw
from engine.renditions.maker import RenditionMaker
from engine.renditions.of_image import originals_of
from engine.renditions.request import (
    NoRendition,
    Original,
    Rendition,
    RenditionRequest,
    ScratchJpeg,
    SourceFile,
    StoredJpeg,
)
from engine.store.open import open_store
from tests.support.conversions import convert
from tests.support.jp2_files import Encoding, Plane, cut, make_codestream, make_jp2, write_codestream
from tests.support.ledgers import converted, make_ledger, surveyed
from tests.support.seaweed import BUCKET, Seaweed
from tests.support.staged_jpegs import MakeRequest
from tests.support.waiting import wait_until


def drawn(original: Original, side: int = 80, most_bytes: int = 1 << 30) -> Rendition | NoRendition:
    return draw(RenditionRequest(original, side, most_bytes, 30.0))


def rendition(original: Original) -> Rendition:
    found = drawn(original)
    assert isinstance(found, Rendition), found
    return found


def pixels_of(found: Rendition) -> NDArray[Any]:
    return np.frombuffer(found.rgb, np.uint8).reshape(found.height, found.width, 3).astype(np.int32)


def blocks(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], step: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    means: NDArray[Any] = pixels.reshape(height, step, width, step, -1).mean(axis=(1, 3))
    return means


def alike(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether they are the same picture, made smaller by different filters."""
    return bool(np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9)


@pytest.mark.parametrize("encoding", [None, Encoding(tile=(128, 128))], ids=["untiled", "tiled"])
def test_a_source_is_drawn_smaller(tmp_path: Path, encoding: Encoding | None) -> None:
    original = make_jp2(tmp_path / "a.jp2", 640, 480, encoding=encoding)
    found = rendition(SourceFile(str(tmp_path / "a.jp2")))
    assert (found.width, found.height, found.full_width, found.full_height) == (80, 60, 640, 480)
    assert found.note == ""
    assert alike(pixels_of(found), blocks(original, 8)), "it is the same picture"


def test_every_kind_of_samples_is_drawn(tmp_path: Path) -> None:
    make_jp2(tmp_path / "grey.jp2", 301, 203, channels=1, bits=16)
    assert (rendition(SourceFile(str(tmp_path / "grey.jp2"))).height) == 54
    make_codestream(tmp_path / "raw.j2k", 100, 70)
    assert rendition(SourceFile(str(tmp_path / "raw.j2k"))).width == 80
    planes = [Plane(np.full((64, 64), value, np.uint8), 8) for value in (200, 10, 10, 10)]
    write_codestream(tmp_path / "four.j2k", planes)
    four = rendition(SourceFile(str(tmp_path / "four.j2k")))
    assert four.note.startswith("only the first component is drawn: 4 channels")
    assert pixels_of(four).mean() == pytest.approx(200, abs=1)


def test_what_is_damaged_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_jp2(tmp_path / "a.jp2", 640, 480)
    cut(tmp_path / "a.jp2", 0.6)
    found = rendition(SourceFile(str(tmp_path / "a.jp2")))
    assert found.note.startswith("damaged, drawn as far as it can be decoded: tile-part 0 of tile 0 ends at")
    assert alike(pixels_of(found), blocks(whole, 8))


def test_what_cannot_be_drawn_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no picture")
    assert drawn(SourceFile(str(tmp_path / "a.txt"))) == NoRendition("this is a text file")
    missing = drawn(SourceFile(str(tmp_path / "b")))
    assert isinstance(missing, NoRendition) and missing.why.startswith("No such file")
    assert drawn(ScratchJpeg(str(tmp_path / "c.jpg"))) == NoRendition("it is not there")
    assert isinstance(drawn(ScratchJpeg(str(tmp_path / "a.txt"))), NoRendition)
    assert isinstance(drawn(SourceFile("/dev/zero")), NoRendition)
    make_jp2(tmp_path / "big.jp2", 640, 480)
    too_large = drawn(SourceFile(str(tmp_path / "big.jp2")), most_bytes=1 << 20)
    assert isinstance(too_large, NoRendition) and "may take 1.00 MiB" in too_large.why


def test_the_jpeg_comes_from_a_directory_or_a_bucket(
    tmp_path: Path, seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    make_jp2(tmp_path / "a.jp2", 640, 480)
    jpeg = convert(tmp_path / "a.jp2")[1].rename(tmp_path / "a.jpg")
    source = pixels_of(rendition(SourceFile(str(tmp_path / "a.jp2"))))
    assert alike(source, pixels_of(rendition(ScratchJpeg(str(jpeg)))))
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "photostat.toml").write_text(
        f'[store]\nurl = "s3://{BUCKET}/{prefix}"\nendpoint = "{seaweed.endpoint}"\n'
    )
    for workspace in (make_ledger(tmp_path / "directory", 1), make_ledger(tmp_path / "bucket", 1)):
        with closing(open_store(workspace.config().store, workspace.root, KnownStore())) as store:
            data = jpeg.read_bytes()
            request = structs.replace(
                request_for(), scratch_path=str(jpeg), jpeg_bytes=len(data), md5=md5(data).hexdigest()
            )
            store.put(request)
        found = rendition(StoredJpeg(str(workspace.root), request.target))
        assert alike(source, pixels_of(found))
        assert drawn(StoredJpeg(str(workspace.root), "b/u/2.jpg")) == NoRendition("it is not there")


def test_a_jpeg_is_looked_for_where_it_is(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 4, failed=1, done=1)
    with Ledger.open(workspace, "run") as ledger, ledger.transaction():
        ledger.surveyed([surveyed(3)])
        ledger.start(3, 77, 1, DecodeMode.WHOLE)
        ledger.converted(converted(3))
    with LedgerReader(workspace) as reader:
        found = [originals_of(workspace, workspace.config(), reader, image).jpeg for image in reader.images()]
        assert found[0] == NoRendition("There is none: the image has failed.")
        assert isinstance(found[1], StoredJpeg) and found[1].target == reader.images()[1].target
        assert found[2:] == [
            ScratchJpeg("scratch/3.jpg"),
            NoRendition("There is none: the image is pending."),
        ]


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    slow = RenditionMaker(timeout_s=0.001)
    assert slow.make(Config(), SourceFile(str(tmp_path / "a.jp2")), 80) == NoRendition("no picture after 0 s")
    assert slow._process is not None and slow._process.poll() is not None


def test_a_process_that_dies_costs_its_picture_only(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    dying = RenditionMaker()
    answers: list[object] = []

    def ask() -> None:
        answers.append(dying.make(Config(), SourceFile(str(tmp_path / "a.jp2")), 80))

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: dying._process is not None, "the process")
    assert dying._process is not None
    os.kill(dying._process.pid, signal.SIGSEGV)
    thread.join()
    assert answers == [NoRendition("the process that drew it was killed by SIGSEGV")]
    assert isinstance(RenditionMaker().make(Config(), SourceFile(str(tmp_path / "a.jp2")), 80), Rendition)


def test_without_spare_memory_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "spare_bytes", lambda config: 1 << 20)
    answer = RenditionMaker().make(Config(), SourceFile("a"), 80)
    assert answer == NoRendition("no memory is spare for a picture now")
