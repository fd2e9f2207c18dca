"""The decoder's library is the same on every machine, and nothing of it is left open."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.failures import Cause, ImageError
from engine.jp2.decoding.openjpeg import (
    DecoderMessages,
    bundled_library,
    decoding_error,
    glymur_calls,
    open_decoder,
)
from engine.jp2.header import Container
from engine.memory.usage import give_memory_back, rss_bytes
from tests.support.codestreams import cod, codestream, segment, siz, tile_part
from tests.support.conversions import convert
from tests.support.jp2_files import cut, make_jp2
from tests.support.waiting import LONGEST_WAIT_S

TELL = """
from engine.jp2.decoding.openjpeg import glymur_calls
calls = glymur_calls()
import glymur
print(calls.OPENJP2._name, hasattr(calls.ImageCompType, "alpha"), glymur.version.openjpeg_version == calls.version())
"""


def printed_by(tmp_path: Path, program: str, settings: str) -> list[str]:
    """What a fresh Python prints where the user's glymurrc says `settings`."""
    (tmp_path / "glymur").mkdir()
    (tmp_path / "glymur" / "glymurrc").write_text(settings)
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path)}
    arguments = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(
        arguments,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=True,
        cwd=Path.cwd(),
    )
    return done.stdout.split()


def wheels_library() -> str:
    library = bundled_library()
    if library is None:
        pytest.skip("this Pillow brings no libopenjp2")
    return str(library)


@pytest.mark.system_openjpeg
@pytest.mark.parametrize("program", [TELL, "import glymur\n" + TELL])
@pytest.mark.parametrize(
    "settings", ["", "[library]\nopenjp2: /nowhere/libopenjp2.so\n", "[library]\nopenjp2: None\n"]
)
def test_library_is_the_wheels_whatever_glymur_would_choose(
    program: str, settings: str, tmp_path: Path
) -> None:
    assert printed_by(tmp_path, program, settings) == [wheels_library(), "True", "True"]


def test_library_of_the_wheel_is_two_point_five_or_later() -> None:
    wheels_library()
    major, minor = (int(part) for part in glymur_calls().version().split(".")[:2])
    assert (major, minor) >= (2, 5)


def open_files(folder: Path) -> list[Path]:
    """The files below that this process has open, deleted ones too."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists the directory
            targets.append(descriptor.readlink())
    return [target for target in targets if target.is_relative_to(folder)]


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files and memory by /proc")
def test_nothing_is_left_open_and_memory_comes_back(tmp_path: Path) -> None:
    make_jp2(tmp_path / "good.jp2", 500, 400)
    make_jp2(tmp_path / "bad.jp2", 500, 400)
    cut(tmp_path / "bad.jp2", 0.7)

    def round_trip() -> None:
        convert(tmp_path / "good.jp2")
        with pytest.raises(ImageError):
            convert(tmp_path / "bad.jp2")
        with (
            pytest.raises(ImageError),
            open_decoder(str(tmp_path / "bad.jp2"), Container.JP2, DecoderMessages(), threads=2) as decoder,
        ):
            decoder.whole()

    for _ in range(5):
        round_trip()
    give_memory_back()
    memory = rss_bytes(os.getpid())
    for _ in range(25):
        round_trip()
    give_memory_back()
    assert open_files(tmp_path) == []
    # A leak of one image's samples each time would be 60 megabytes.
    assert rss_bytes(os.getpid()) < memory + 15_000_000


def test_messages_of_one_file_do_not_reach_another(tmp_path: Path) -> None:
    make_jp2(tmp_path / "good.jp2", 64, 64)
    (tmp_path / "bad.j2k").write_bytes(b"\xff\x4f\xff\x51" + bytes(40))
    bad, good = DecoderMessages(), DecoderMessages()
    with pytest.raises(ImageError), open_decoder(str(tmp_path / "bad.j2k"), Container.CODESTREAM, bad):
        pass
    with open_decoder(str(tmp_path / "good.jp2"), Container.JP2, good) as decoder:
        decoder.whole()
    assert bad.errors
    assert (good.errors, good.warnings) == ([], [])


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        (["Not enough memory to decode tile"], Cause.OUT_OF_MEMORY),
        (["Stream too short"], Cause.TRUNCATED),
        (["Tile part length size inconsistent with stream length"], Cause.TRUNCATED),
        (["We do not support ROI in decoding HT codeblocks"], Cause.UNSUPPORTED),
        (
            [
                "We do not support more than 3 coding passes in an HT codeblock; This codeblocks has 5 passes.",
                "Failed to decode.",
            ],
            Cause.UNSUPPORTED,
        ),
        (["Cannot handle box of less than 8 bytes"], Cause.CORRUPT),
        (["Invalid tile part index for tile number 1. Got 1, expected 0"], Cause.CORRUPT),
        ([], Cause.CORRUPT),
    ],
)
def test_words_of_openjpeg_show_the_cause(errors: list[str], cause: Cause) -> None:
    failure = decoding_error(errors).failure
    assert failure.cause is cause
    assert all(error in failure.message for error in errors)


def test_every_message_of_the_library_about_its_own_limits_has_its_cause() -> None:
    texts = re.findall(rb"[ -~]{12,}", Path(wheels_library()).read_bytes())
    messages = [text.decode() for text in texts if b" " in text and b"writing" not in text]
    limits = [m for m in messages if re.search(r"(?i)support|cannot take in charge|limitation", m)]
    memory = [m for m in messages if re.search(r"(?i)not enough memory|allocat|\boom\b", m)]
    assert len(limits) >= 15
    assert len(memory) >= 40
    assert [m for m in limits if decoding_error([m]).failure.cause is not Cause.UNSUPPORTED] == []
    assert [m for m in memory if decoding_error([m]).failure.cause is not Cause.OUT_OF_MEMORY] == []


def test_a_transform_that_openjpeg_leaves_out_with_a_warning_is_unsupported(tmp_path: Path) -> None:
    """Two collections of Part 2 (MCC): OpenJPEG would decode the components without them."""
    collections = segment(0xFF75, bytes([0, 0, 0, 0, 0, 0, 2]))
    size = siz(components=((7, 1, 1),) * 3, capabilities=0x8100)
    (tmp_path / "a.j2k").write_bytes(codestream(size, cod(), collections, tiles=tile_part(data=bytes(3))))
    with pytest.raises(ImageError) as refused:
        convert(tmp_path / "a.j2k")
    assert refused.value.failure.cause is Cause.UNSUPPORTED
    assert "collections" in refused.value.failure.message
