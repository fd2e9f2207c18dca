"""What OpenJPEG consumed is compared with what the file holds: a decoder that leaves something out is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from engine.failures import Cause, ImageError
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.consumption import check_consumed
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import Decoder, DecoderMessages
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.messages import DecodeMode, Plan
from tests.support.decodes import EVERY_PLAN, pixels_of
from tests.support.jp2_files import Encoding, make_jp2
from tests.support.odd_codestreams import encoded


def decode_with(path: Path, features: CodestreamFeatures, plan: Plan) -> None:
    with Jp2File.open(path) as file:
        colour_plan = plan_colour(file.header)
        with decoded(file, features, plan, colour_plan, DecoderMessages(), path.with_name("px")):
            pass


def features_of(path: Path) -> CodestreamFeatures:
    with Jp2File.open(path) as file:
        return check_structure(file).features


def test_a_tile_part_that_openjpeg_leaves_out_without_an_error(tmp_path: Path) -> None:
    """As it does from 2.5.3 on with files of Adobe's plug-in, if nothing corrects their count."""
    adobe = Encoding(tile=(128, 128), tile_parts="R", progression="RLCP", levels=5)
    good, _ = encoded(tmp_path, adobe)
    odd = good.with_parts(lambda part: replace(part, count=part.count - 1))
    odd = replace(odd, parts=tuple(sorted(odd.parts, key=lambda part: (part.index, part.tile))))
    path = tmp_path / "odd.j2k"
    path.write_bytes(odd.to_bytes())
    features = features_of(path)
    assert features.tile_parts == (6, 6, 6, 6)
    for plan in EVERY_PLAN:
        decode_with(path, features, plan)
        with pytest.raises(ImageError, match="other tile-parts than the file has: 5 of 6") as refused:
            decode_with(path, structs.replace(features, patches=()), plan)
        assert refused.value.failure.cause is Cause.PROOF_FAILED


def test_a_tile_that_the_decoder_only_pretends_to_decode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 200, 150, encoding=Encoding(tile=(64, 64)))
    pixels_of(path, Plan(DecodeMode.TILES))
    honest = Decoder.tile

    def lying(self: Decoder, index: int) -> None:
        honest(self, index if index != 11 else 10)

    monkeypatch.setattr(Decoder, "tile", lying)
    with pytest.raises(ImageError) as refused:
        pixels_of(path, Plan(DecodeMode.TILES))
    assert refused.value.failure.cause in (Cause.PROOF_FAILED, Cause.CORRUPT)


def test_only_the_right_number_of_each_tile_passes() -> None:
    check_consumed({(0, 100), (0, 200), (1, 300)}, (2, 1))
    check_consumed({(0, 100)}, ())
    for read in (
        {(0, 100), (1, 300)},
        {(0, 100), (0, 200)},
        {(0, 1), (0, 2), (0, 3), (1, 4)},
        set[tuple[int, int]](),
    ):
        with pytest.raises(ImageError):
            check_consumed(read, (2, 1))
