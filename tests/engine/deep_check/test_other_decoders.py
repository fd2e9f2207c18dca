"""Other decoders: tried on a known picture first, and what they cannot read or do is no opinion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.deep_check.other_decoders import (
    Decoder,
    Ffmpeg,
    Grok,
    Kakadu,
    OpenJpegProgram,
    Pillow,
    Task,
    find_decoders,
)
from engine.deep_check.programs import NoOpinion
from engine.jp2.jp2_file import read_header
from tests.support import fake_decoder
from tests.support.jp2_files import Encoding, Plane, make_codestream, picture, write_codestream


def task(folder: Path, **options: object) -> tuple[Task, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """A new codestream, and its pixels."""
    path = folder / "new.j2k"
    pixels = make_codestream(path, 61, 47, **options)
    return Task(path, read_header(path).components, folder, 4 << 30, 120.0), np.atleast_3d(pixels)


def decodes(decoder: Decoder, folder: Path, **options: object) -> bool:
    asked, pixels = task(folder, **options)
    return np.array_equal(np.stack(decoder.planes(asked), axis=-1), pixels)


def test_pillow_works_and_is_no_independent_opinion(tmp_path: Path) -> None:
    found = Pillow().find()
    assert found is not None
    assert (found.problem, found.independent) == ("", False)
    assert "same OpenJPEG" in found.relation
    for channels in (1, 3, 4):
        assert decodes(Pillow(), tmp_path, channels=channels)
    for options in ({"channels": 2}, {"bits": 12}):
        with pytest.raises(NoOpinion):
            decodes(Pillow(), tmp_path, **options)


@pytest.mark.needs_tool("ffmpeg", "grk_decompress", "opj_decompress")
@pytest.mark.parametrize("decoder", [Ffmpeg(), Grok(), OpenJpegProgram()], ids=lambda decoder: decoder.name)
def test_a_program_of_the_system_reads_what_it_is_asked_for(decoder: Decoder, tmp_path: Path) -> None:
    found = decoder.find()
    assert found is not None
    assert found.problem == ""
    assert found.version[0].isdigit()
    tiled = Encoding(tile=(32, 32))
    for options in ({"channels": 1}, {"channels": 3}, {"channels": 4}, {"bits": 16}, {"encoding": tiled}):
        assert decodes(decoder, tmp_path, **options), options


@pytest.mark.needs_tool("grk_decompress", "opj_decompress")
@pytest.mark.parametrize("decoder", [Grok(), OpenJpegProgram()], ids=lambda decoder: decoder.name)
@pytest.mark.parametrize("bits", [5, 10, 12])
def test_odd_depths_are_read_too(decoder: Decoder, bits: int, tmp_path: Path) -> None:
    assert decodes(decoder, tmp_path, bits=bits, channels=1)


@pytest.mark.needs_tool("ffmpeg", "opj_decompress")
@pytest.mark.parametrize("decoder", [Ffmpeg(), OpenJpegProgram()], ids=lambda decoder: decoder.name)
@pytest.mark.parametrize("steps", [(2, 2), (2, 1), (1, 2), (4, 1)])
def test_subsampled_components_are_read_as_they_are(
    decoder: Decoder, steps: tuple[int, int], tmp_path: Path
) -> None:
    full, (dx, dy) = picture(61, 47), steps
    planes = [Plane(full[:, :, 0]), *(Plane(full[::dy, ::dx, c], dx=dx, dy=dy) for c in (1, 2))]
    write_codestream(tmp_path / "new.j2k", planes)
    parts = read_header(tmp_path / "new.j2k").components
    found = decoder.planes(Task(tmp_path / "new.j2k", parts, tmp_path, 4 << 30, 120.0))
    assert all(np.array_equal(plane, own.samples) for plane, own in zip(found, planes, strict=True))
    for other in (Grok(), Pillow()):
        with pytest.raises(NoOpinion):
            other.planes(Task(tmp_path / "new.j2k", parts, tmp_path, 4 << 30, 120.0))


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (fake_decoder.BLACK, ""),
        (fake_decoder.NEVER_RIGHT, "it decodes a known picture wrongly"),
        ("sys.exit(3)", "it does not decode a known picture: it ended with 3"),
        ("planes = [b'']", "it does not decode a known picture: it wrote nothing that can be read"),
    ],
    ids=["right", "wrong", "fails", "empty"],
)
def test_a_program_that_is_wrong_about_a_known_picture_is_not_asked(
    behaviour: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_decoder.install(tmp_path / "bin", behaviour)["PATH"])
    programs = [found for found in find_decoders() if found.name not in ("Pillow", "imagecodecs")]
    assert [(found.name, found.version) for found in programs] == [("kdu_expand", "9.9")]
    assert programs[0].problem.startswith(problem)
    assert bool(programs[0].problem) == bool(problem)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (fake_decoder.FAILS, "it ended with 1: no licence for this"),
        (fake_decoder.HUNGRY, "MemoryError"),
        (fake_decoder.SHORT, "it wrote nothing that can be read"),
        ("os.kill(os.getpid(), 11)", "it ended with -11"),
    ],
    ids=["refuses", "takes all memory", "breaks off", "crashes"],
)
def test_what_a_program_cannot_do_is_no_opinion(
    behaviour: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_decoder.install(tmp_path / "bin", behaviour)["PATH"])
    with pytest.raises(NoOpinion, match=why):
        Kakadu().planes(task(tmp_path)[0])


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "marker"
    monkeypatch.setenv("PATH", fake_decoder.install(tmp_path / "bin", fake_decoder.hangs(marker))["PATH"])
    asked, _ = task(tmp_path)
    with pytest.raises(NoOpinion, match="not done after 1 s"):
        Kakadu().planes(Task(asked.codestream, asked.components, tmp_path, 4 << 30, timeout_s=1.0))
