"""The run over a sample: every way is compared, and neither a decoder that lies nor one that dies goes unnoticed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from engine.deep_check import run
from engine.deep_check.child import _steps, modes_tolerance
from engine.deep_check.other_decoders import find_decoders
from engine.deep_check.results import (
    Comparison,
    DecodedImage,
    DecodeImage,
    DeepReport,
    OtherDecoder,
    Outcome,
    SampledImage,
)
from engine.deep_check.run import DeepCheck
from engine.deep_check.sample import KindSample
from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding import decode
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.jp2_file import read_header
from engine.jp2.survey import survey_source
from engine.messages import DecodeMode, SurveyRequest
from tests.engine.jp2.validation.test_high_throughput import HIGH_THROUGHPUT
from tests.support.codestreams import codestream, siz
from tests.support.jp2_files import Encoding, Wrapping, cut, make_jp2
from tests.support.odd_codestreams import encoded, with_packed_headers

PILLOW = tuple(decoder for decoder in find_decoders() if decoder.name == "Pillow")
BROKEN = OtherDecoder("kdu_expand", "9", "independent", True, problem="it does not decode a known picture")


def sampled(path: Path, image_id: int = 1) -> SampledImage:
    surveyed = survey_source(SurveyRequest(image_id, str(path)))
    assert surveyed.kind is not None
    return SampledImage(image_id, str(path), f"b/{path.name}.jpg", surveyed, surveyed.kind)


def checked(
    *images: SampledImage, capacity_bytes: int = 1 << 40, available_bytes: int = 1 << 40
) -> DeepReport:
    sample = KindSample(5)
    for image in images:
        sample.add(image, fits=True)
    decoders = (*PILLOW, BROKEN)
    return DeepCheck(
        sample, decoders, 2, capacity_bytes, lambda: available_bytes, lambda done, total, now: None
    ).run()


def outcomes(image: DecodedImage) -> dict[str, Outcome]:
    return {one.way: one.outcome for one in image.comparisons}


def test_every_way_is_compared_with_the_whole(tmp_path: Path) -> None:
    plain, _ = encoded(tmp_path, Encoding(sop=True, eph=True))
    (tmp_path / "packed.j2k").write_bytes(with_packed_headers(plain, in_main_header=False).to_bytes())
    make_jp2(tmp_path / "tiled.jp2", encoding=Encoding(tile=(64, 64), reversible=False, ratios=(9,)))
    make_jp2(tmp_path / "grey.jp2", channels=1, bits=16, wrapping=Wrapping(capture_dpi=(300, 300)))
    (tmp_path / "ht.jph").write_bytes(HIGH_THROUGHPUT)
    names = ("packed.j2k", "tiled.jp2", "grey.jp2", "ht.jph")
    report = checked(*(sampled(tmp_path / name, number) for number, name in enumerate(names)))
    found = {Path(image.image.source_path).name: outcomes(image) for image in report.images}
    same, none = Outcome.SAME, Outcome.NO_OPINION
    assert found == {
        "packed.j2k": {"strips": same, "Pillow": same},
        "tiled.jp2": {"tiles": same, "Pillow": same},
        "grey.jp2": {"strips": same, "Pillow": none},
        "ht.jph": {"Pillow": same},  # strips of it are never decoded
    }
    assert report.is_clean
    assert [(kind.images, kind.decoded, kind.bad) for kind in report.kinds] == [(1, 1, 0)] * 4
    lossy = next(image for image in report.images if image.image.image_id == 1)
    assert [one.tolerance for one in lossy.comparisons] == [1, 2]
    assert {one.samples for one in lossy.comparisons} == {256 * 192 * 3}


def test_a_decoder_that_does_not_know_high_throughput_is_not_asked_about_it(tmp_path: Path) -> None:
    (tmp_path / "ht.jph").write_bytes(HIGH_THROUGHPUT)
    (tmp_path / "folder").mkdir()
    outcomes = []
    for decoder in (*PILLOW, replace(PILLOW[0], reads_high_throughput=False)):
        request = DecodeImage(
            sampled(tmp_path / "ht.jph"), (decoder,), str(tmp_path / "folder"), 1 << 40, 9.0
        )
        outcomes += [step.outcome for step in _steps(request) if isinstance(step, Comparison)]
    assert outcomes == [Outcome.SAME, Outcome.NO_OPINION]


def test_a_file_that_cannot_be_decoded_costs_only_itself(tmp_path: Path) -> None:
    make_jp2(tmp_path / "bad.jp2")
    make_jp2(tmp_path / "good.jp2")
    bad = sampled(tmp_path / "bad.jp2", 1)
    cut(tmp_path / "bad.jp2", 0.7)
    report = checked(bad, sampled(tmp_path / "good.jp2", 2))
    by_id = {image.image.image_id: image for image in report.images}
    assert by_id[1].failure is not None
    assert by_id[1].failure.cause is Cause.TRUNCATED
    assert not by_id[2].is_bad
    assert (report.is_clean, report.kinds[0].bad) == (False, 1)


@pytest.mark.parametrize(
    ("colour", "bits", "lossy", "expected"),
    [("srgb", 8, False, 0), ("srgb", 8, True, 1), ("sycc", 8, True, 2), ("cmyk", 16, True, 257)],
)
def test_only_the_rounding_of_lossy_files_may_differ(
    colour: str, bits: int, lossy: bool, expected: int, tmp_path: Path
) -> None:
    channels = 4 if colour == "cmyk" else 3
    encoding = Encoding(reversible=not lossy, ratios=(4.0,) if lossy else (1.0,))
    make_jp2(
        tmp_path / "a.jp2", channels=channels, bits=bits, encoding=encoding, wrapping=Wrapping(colour=colour)
    )
    header = read_header(tmp_path / "a.jp2")
    assert modes_tolerance(header.reversible, plan_colour(header)) == expected


def test_a_child_cannot_take_more_memory_than_its_image_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_ADDRESS_SPACE_BYTES", 1 << 30)
    make_jp2(tmp_path / "a.jp2")
    small = sampled(tmp_path / "a.jp2", 1)
    flat = codestream(siz(area=(0, 0, 30_000, 30_000), tile=(30_000, 30_000)))
    (tmp_path / "b.j2k").write_bytes(flat)
    # It was small when its header was read.
    grown = replace(small, image_id=2, source_path=str(tmp_path / "b.j2k"))
    by_id = {image.image.image_id: image for image in checked(small, grown).images}
    assert not by_id[1].is_bad
    failure = by_id[2].failure
    assert failure is not None
    assert failure.cause is Cause.OUT_OF_MEMORY


def dies(connection: Any, parent_pid: int, request: DecodeImage) -> None:
    """A child that a hostile file ends, at the step that the image's number says."""
    for step in ("whole", "strips", "Pillow")[: request.image.image_id + 1]:
        connection.send(step)
    Path(request.folder, "left").write_text("behind")
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_child_that_dies_is_the_fault_of_the_step_it_was_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "child_main", dies)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make_jp2(tmp_path / "a.jp2")
    image = sampled(tmp_path / "a.jp2")
    report = checked(*(replace(image, image_id=number, target=str(number)) for number in range(3)))
    whole, strips, pillow = sorted(report.images, key=lambda one: one.image.image_id)
    assert whole.failure is not None
    assert (whole.failure.cause, "SIGSEGV" in whole.failure.message) == (Cause.WORKER_CRASHED, True)
    assert (outcomes(strips), strips.is_bad) == ({"strips": Outcome.FAILED}, True)
    assert (outcomes(pillow), pillow.is_bad) == ({"Pillow": Outcome.NO_OPINION}, False)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jp2"]  # what the children wrote is gone


def test_what_does_not_fit_in_memory_is_said_and_waits_for_nobody(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    report = checked(sampled(tmp_path / "a.jp2"), capacity_bytes=1 << 20)
    assert "there are 1.00 MiB" in report.images[0].skipped
    assert report.kinds[0].decoded == 0
    waited = checked(sampled(tmp_path / "a.jp2", 1), sampled(tmp_path / "a.jp2", 2), available_bytes=0)
    assert [outcomes(image)["strips"] for image in waited.images] == [Outcome.SAME] * 2


@pytest.mark.parametrize("fault", ["another pixel", "refuses"])
def test_a_decode_mode_that_lies_is_found_out(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decode.decoded

    @contextmanager
    def lying(file: Any, features: Any, plan: Any, *others: Any) -> Iterator[Any]:
        with real(file, features, plan, *others) as picture:
            if plan.mode is DecodeMode.TILES:
                if fault == "refuses":
                    raise ImageError(Cause.CORRUPT, Stage.DECODING, "OpenJPEG: no such tile")
                pixels: Any = np.array(picture.pixels)
                pixels[100, 50, 2] ^= 1
                picture = structs.replace(picture, pixels=pixels)
            yield picture

    monkeypatch.setattr(decode, "decoded", lying)
    make_jp2(tmp_path / "a.jp2", encoding=Encoding(tile=(64, 64)))
    (tmp_path / "folder").mkdir()
    request = DecodeImage(sampled(tmp_path / "a.jp2"), (), str(tmp_path / "folder"), 0, 0)
    (found,) = [step for step in _steps(request) if isinstance(step, Comparison)]
    assert found.is_bad
    if fault == "refuses":
        assert (found.outcome, found.message) == (Outcome.FAILED, "OpenJPEG: no such tile")
    else:
        assert (found.different, found.largest, found.place) == (1, 1, "channel 3, column 50, row 100")
