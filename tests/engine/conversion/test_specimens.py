"""Machines that convert together make the same bytes of the specimens."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from engine.conversion.specimens import SPECIMENS, convert_specimens, difference
from engine.messages import DecodeMode
from tests.support.specimens import specimens

LIBRARIES = (("pyvips-binary", "8.18"), ("glymur", "0.14"))


def test_every_decode_mode_has_a_specimen_and_each_becomes_the_same_jpeg_again(tmp_path: Path) -> None:
    assert {specimen.mode for specimen in SPECIMENS} == set(DecodeMode)
    again = convert_specimens(tmp_path)
    assert again == specimens() and list(tmp_path.iterdir()) == []
    assert len(again.md5s) == len(SPECIMENS) == len({md5 for _, md5 in again.md5s})
    assert difference(again, specimens()) is None


def test_what_differs_is_named_a_library_or_the_bytes_alone() -> None:
    ours = specimens()
    other = structs.replace(ours, md5s=(("decoded whole", "0" * 32), *ours.md5s[1:]))
    told = difference(ours, other, LIBRARIES)
    assert told is not None and told.startswith(
        "same versions, other bytes: pyvips-binary 8.18, glymur 0.14: the specimen decoded whole becomes another JPEG "
        f"there (1 of {len(SPECIMENS)} differ). Install photostat there"
    )
    older = structs.replace(other, codecs=(("OpenJPEG", "2.4.0 of the system"), *ours.codecs[1:]))
    told = difference(ours, older, LIBRARIES)
    assert told is not None and told.startswith(
        f"OpenJPEG is 2.4.0 of the system there, and {ours.codecs[0][1]}"
    )
    assert "same versions" not in told
    assert difference(ours, structs.replace(ours, codecs=older.codecs)) is None, "the bytes decide"
    told = difference(ours, structs.replace(ours, md5s=()))
    assert told is not None and "(all differ)" in told
