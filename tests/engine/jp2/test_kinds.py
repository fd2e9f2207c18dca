"""The kind of a file: what one program writes with one set of options is one kind, whatever the pictures show."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from engine.file_kind import FileKind
from engine.jp2.survey import examine_source, survey_source
from engine.messages import SurveyRequest
from tests.support.codestreams import codestream, segment
from tests.support.jp2_files import Encoding, Wrapping, make_codestream, make_jp2, wide_gamut_profile
from tests.support.odd_codestreams import encoded, with_packed_headers


def kind_of(path: Path) -> FileKind:
    request = SurveyRequest(1, str(path))
    kind = survey_source(request).kind
    assert kind is not None
    assert examine_source(request).kind == kind
    return kind


def written_by(path: Path, *comments: bytes) -> str:
    """The writer of a codestream with these comments."""
    path.write_bytes(codestream(None, None, *(segment(0xFF64, b"\0\1" + text) for text in comments)))
    return kind_of(path).writer


def test_a_kind_has_what_a_decoder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    encoding = Encoding(
        tile=(64, 64), tile_parts="R", progression="RLCP", levels=3, ratios=(9.0, 1.0), reversible=True
    )
    make_jp2(path, encoding=encoding, wrapping=Wrapping(icc=wide_gamut_profile()))
    kind = kind_of(path)
    assert kind.writer.startswith("Created by OpenJPEG version")
    assert structs.replace(kind, writer="") == FileKind(
        "", "jp2", "5-3 RCT", "64 × 64", "4", "RLCP", 2, "8 bits", "ICC RGB, 3 components", False
    )
    assert "64 × 64" in kind.describe()


def test_pictures_of_one_program_and_its_options_are_one_kind(tmp_path: Path) -> None:
    for number in range(3):
        make_jp2(tmp_path / f"{number}.jp2", 100 + number * 40, 90, seed=number)
    assert len({kind_of(path) for path in tmp_path.glob("*.jp2")}) == 1
    make_jp2(tmp_path / "lossy.jp2", encoding=Encoding(reversible=False))
    make_jp2(tmp_path / "grey.jp2", channels=1, bits=16)
    assert kind_of(tmp_path / "lossy.jp2").transform == "9-7 ICT"
    assert (kind_of(tmp_path / "grey.jp2").depth, kind_of(tmp_path / "grey.jp2").colour) == (
        "16 bits",
        "grey, 1 component",
    )


@pytest.mark.parametrize(
    ("comments", "writer"),
    [
        ((), "not named"),
        ((b"Kakadu-v7.10.2", b"Kdu-Layer-Info: log_2{Delta-D(MSE)/[2^16*L]}, L(bytes)\n -6, 3.1e4"), "Kakadu-v7.10.2"),
        ((b"Kdu-Layer-Info: log_2", b"Kakadu-v6"), "Kakadu-v6"),
        ((b"scan 4711 of 2009-03-05 12:31", b""), "scan # of #-#-# #:#"),
        ((b"Operator: Smith", b"JasPer Version 1.900.1"), "JasPer Version 1.900.1"),
        ((b"\x1b[31mKakadu-v6\nsecond line",), "\\x1b[31mKakadu-v6 second line"),
        ((b"x" * 60_000,), "x" * 60),
        ((b"a",) * 5000, "a"),
    ],
    ids=["none", "parameters after", "parameters before", "counts", "signed later", "hostile", "long", "many"],
)  # fmt: skip
def test_the_writer_is_in_the_comment(comments: tuple[bytes, ...], writer: str, tmp_path: Path) -> None:
    assert written_by(tmp_path / "a.j2k", *comments) == writer


def test_binary_and_empty_comments_name_nobody(tmp_path: Path) -> None:
    comments = (segment(0xFF64, b"\0\0Kakadu"), segment(0xFF64, b"\0\1"), segment(0xFF64, b""))
    (tmp_path / "a.j2k").write_bytes(codestream(None, None, *comments))
    assert kind_of(tmp_path / "a.j2k").writer == "not named"


def test_rare_markers_make_a_kind(tmp_path: Path) -> None:
    plain, _ = encoded(tmp_path, Encoding(sop=True, eph=True))
    (tmp_path / "a.j2k").write_bytes(with_packed_headers(plain, in_main_header=True).to_bytes())
    assert kind_of(tmp_path / "a.j2k").features == "PPM"
    assert kind_of(tmp_path / "a.j2k").describe().endswith(", PPM")


@pytest.mark.parametrize(
    ("encoding", "features"),
    [
        (Encoding(), ""),
        (Encoding(block_style=1 | 8), "bypass, vertically causal"),
        (Encoding(block_style=2 | 4 | 32), "reset, terminated passes, segmentation symbols"),
        (Encoding(code_block=32, precinct=128), "code-blocks 32 × 32, precincts"),
        (Encoding(levels=0), "no decomposition"),
    ],
)
def test_what_a_decoder_does_otherwise_makes_a_kind(
    encoding: Encoding, features: str, tmp_path: Path
) -> None:
    make_codestream(tmp_path / "a.j2k", encoding=encoding)
    assert kind_of(tmp_path / "a.j2k").features == features


def test_a_kind_survives_the_ledger_and_later_versions() -> None:
    kind = FileKind("é", "jp2", "9-7", "untiled", "1", "LRCP", 1, "8 bits", "grey", True, "POC")
    assert FileKind.of_text(kind.to_text()) == kind
    assert FileKind.of_text(kind.to_text().replace('"layers"', '"later": 1, "layers"')) == kind
