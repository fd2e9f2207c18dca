"""A file that is not whole is found before a pixel is decoded; a file that is whole passes, however odd it is."""

from __future__ import annotations

import struct
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from engine.demo.jp2_boxes import box
from engine.failures import Cause, Failure, ImageError
from engine.jp2.jp2_file import read_header
from tests.support.codestreams import EOC, SOC, cod, codestream, jp2, qcd, segment, siz, tile_part
from tests.support.decodes import EVERY_PLAN, pixels_of
from tests.support.jp2_files import Encoding, Wrapping, make_codestream, make_jp2
from tests.support.jp2_reads import structure_warnings
from tests.support.reference_decoder import opj_decompress


def refusal(path: Path) -> Failure:
    with pytest.raises(ImageError) as caught:
        structure_warnings(path)
    return caught.value.failure


@dataclass(frozen=True)
class Kind:
    """A way to write a file whose truncation must be found."""

    encoding: Encoding = field(default_factory=Encoding)
    raw: bool = False
    wrapping: Wrapping = field(default_factory=Wrapping)

    def make(self, path: Path) -> bytes:
        if self.raw:
            make_codestream(path, 150, 110, encoding=self.encoding)
        else:
            make_jp2(path, 150, 110, encoding=self.encoding, wrapping=self.wrapping)
        return path.read_bytes()


KINDS = {
    **{
        f"{order} {parts or 'whole'} {'tiled' if tile else 'untiled'}": Kind(
            Encoding(progression=order, tile=tile, tile_parts=parts), raw=order in ("RLCP", "PCRL")
        )
        for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
        for parts in ("", "R")
        for tile in (None, (64, 48))
    },
    "tile-parts by layer": Kind(Encoding(ratios=(20, 8, 1), tile_parts="L")),
    "tile-parts by component": Kind(Encoding(progression="CPRL", tile_parts="C", tile=(64, 64))),
    "packet lengths": Kind(Encoding(plt=True, tile=(64, 64))),
    "packet and tile-part lengths": Kind(Encoding(plt=True, tlm=True, tile=(64, 64), tile_parts="R")),
    "SOP, EPH and precincts": Kind(Encoding(sop=True, eph=True, plt=True, precinct=64, code_block=32)),
    "odd origins": Kind(Encoding(origin=(5, 7), tile=(64, 64), tile_origin=(3, 2))),
    "lossy": Kind(Encoding(reversible=False, ratios=(10,)), raw=True),
    "box to the end of the file": Kind(wrapping=Wrapping(codestream_length="zero")),
    "box of 64-bit length": Kind(wrapping=Wrapping(codestream_length="extended")),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_file_passes_without_a_warning(tmp_path: Path, name: str) -> None:
    KINDS[name].make(tmp_path / "a")
    assert structure_warnings(tmp_path / "a") == ()


@pytest.mark.parametrize("pasted", [b"", EOC], ids=["cut", "end-marker-pasted-on"])
@pytest.mark.parametrize("name", KINDS)
def test_truncation_anywhere_is_found(tmp_path: Path, name: str, pasted: bytes) -> None:
    whole = KINDS[name].make(tmp_path / "a")
    start = whole.index(SOC + b"\xff\x51") + 4
    cuts = {
        *range(start, start + 200, 3),
        *range(start, len(whole) - 3, 1009),
        *range(len(whole) - 30, len(whole) - 2),
    }
    for keep in sorted(cuts):
        (tmp_path / "a").write_bytes(whole[:keep] + pasted)
        failure = refusal(tmp_path / "a")
        # An end marker pasted into a header reads as values there, which may be impossible ones.
        assert failure.cause is Cause.TRUNCATED or (pasted and failure.cause is Cause.CORRUPT), (
            keep,
            failure,
        )


@pytest.mark.parametrize("keep_back", [1, 2])
@pytest.mark.parametrize("name", ["tiled", "lossy"])
@pytest.mark.parametrize("uncounted", [False, True])
@pytest.mark.parametrize("open_length", [False, True])
@pytest.mark.parametrize("raw", [False, True])
def test_a_cut_in_the_end_marker_itself_costs_no_pixel(
    tmp_path: Path, keep_back: int, raw: bool, open_length: bool, uncounted: bool, name: str
) -> None:
    """Whatever else may show that bytes are missing: every packet of every tile is there."""
    path = tmp_path / "a"
    encoding = KINDS[name].encoding if name in KINDS else Encoding(tile=(64, 48), tile_parts="R")
    whole = Kind(encoding, raw).make(path)
    pixels = pixels_of(path)
    changed = with_counts(whole, uncounted=uncounted, open_length=open_length)
    path.write_bytes(changed[:-keep_back])
    (warning,) = structure_warnings(path)
    assert warning == NO_END_MARKER
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels)
    for lost in range(3, 30):
        path.write_bytes(changed[:-lost])
        assert refusal(path).cause is Cause.TRUNCATED, lost


NO_END_MARKER = "the end marker (EOC) is missing; every packet of every tile is there"


INSTEAD_OF_THE_MARKER = {
    "zeros": bytes(40),
    "a line feed": b"\r\n",
    "text": b"<eof/>",
    "half a marker, then zeros": b"\xff" + bytes(9),
    "another marker": b"\xff\xd8",
    "one byte": b"\x1a",
}


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("name", ["odd origins", "LRCP whole untiled", "lossy"])
def test_other_bytes_in_the_end_markers_place_cost_no_pixel(tmp_path: Path, raw: bool, name: str) -> None:
    path = tmp_path / "a"
    whole = Kind(KINDS[name].encoding, raw).make(path)
    assert whole[-3] not in (0, 0xFF)
    pixels = pixels_of(path)
    for what, instead in INSTEAD_OF_THE_MARKER.items():
        path.write_bytes(whole[:-2] + instead)
        warnings = structure_warnings(path)
        assert any("where the end marker (EOC) should be; every packet" in text for text in warnings), what
        for plan in EVERY_PLAN:
            assert np.array_equal(pixels_of(path, plan), pixels), what


def test_zeros_that_may_begin_within_the_last_packet_are_a_copy_that_broke_off(tmp_path: Path) -> None:
    whole = KINDS["odd origins"].make(tmp_path / "a")
    for lost in (1, 2, 5, 40):
        (tmp_path / "a").write_bytes(whole[: -2 - lost] + bytes(lost + 2))
        assert refusal(tmp_path / "a").cause is Cause.TRUNCATED
        (tmp_path / "a").write_bytes(whole[: -2 - lost] + bytes(lost + 500))
        assert refusal(tmp_path / "a").cause is Cause.TRUNCATED


@pytest.mark.parametrize("lost", [1, 5, 40])
def test_zeros_in_place_of_the_end_of_a_tile_part_of_open_length_are_a_copy_that_broke_off(
    lost: int, tmp_path: Path
) -> None:
    whole = with_counts(Kind().make(tmp_path / "a"), uncounted=False, open_length=True)
    (tmp_path / "a").write_bytes(whole[: -2 - lost] + bytes(lost + 2))
    assert refusal(tmp_path / "a").cause is Cause.TRUNCATED


def test_other_bytes_after_fewer_tiles_than_there_are_stay_damage(tmp_path: Path) -> None:
    whole = KINDS["odd origins"].make(tmp_path / "a")
    last = whole.rindex(b"\xff\x90\x00\x0a")
    for instead in (b"<eof/>", bytes(40), b"\xff\xd8"):
        (tmp_path / "a").write_bytes(whole[:last] + instead)
        assert refusal(tmp_path / "a").cause in (Cause.TRUNCATED, Cause.CORRUPT)


def packed(*, counted: bool = True, listed: bool = False) -> bytes:
    """Two tiles whose packet headers lie in PPT, where no packet can be followed."""
    ppt = segment(0xFF61, b"\0" + b"\0")
    parts = [tile_part(n, count=int(counted), header=ppt, data=b"") for n in (0, 1)]
    tlm = [segment(0xFF55, b"\0\x50" + b"".join(struct.pack(">BI", n, len(p)) for n, p in enumerate(parts)))]
    size = siz(tile=(8, 16))
    return codestream(size, None, *(tlm if listed else []), tiles=b"".join(parts))


NO_TILE_PART_IS_MISSING = "the end marker (EOC) is missing; all tile-parts are there"


def test_what_shows_without_packets_that_nothing_but_the_end_marker_is_missing(tmp_path: Path) -> None:
    """The count in every tile; the list in TLM; a box that ends two bytes further on. Without any, refused."""
    path = tmp_path / "a"
    boxed = jp2(packed(counted=False))
    for content in (
        packed()[:-2],
        packed()[:-1],
        packed(counted=False, listed=True)[:-2],
        packed(counted=False, listed=True)[:-1],
        jp2(packed())[:-2],
        jp2(packed())[:-1],
        boxed[:-2],
        boxed[:-1],
    ):
        path.write_bytes(content)
        assert structure_warnings(path) == (NO_TILE_PART_IS_MISSING,)
    for content in (packed(counted=False)[:-2], packed(counted=False)[:-1], packed()[:-3], boxed[:-3]):
        path.write_bytes(content)
        assert refusal(path).cause is Cause.TRUNCATED
    path.write_bytes(packed()[:-2] + b"<eof/>")
    assert refusal(path).cause is Cause.CORRUPT


def with_counts(whole: bytes, *, uncounted: bool, open_length: bool) -> bytes:
    """TNsot 0 in every tile-part, and Psot 0 in the last one."""
    content = bytearray(whole)
    at = last = whole.index(b"\xff\x90\x00\x0a")
    while whole[at : at + 4] == b"\xff\x90\x00\x0a":
        if uncounted:
            content[at + 11] = 0
        last, at = at, at + int.from_bytes(whole[at + 6 : at + 10])
    if open_length:
        content[last + 6 : last + 10] = bytes(4)
    return bytes(content)


@pytest.mark.parametrize("uncounted", [False, True])
def test_a_last_tile_part_without_length_is_decoded_in_every_mode(tmp_path: Path, uncounted: bool) -> None:
    path = tmp_path / "a.jp2"
    whole = Kind(Encoding(tile=(64, 48), tile_parts="R")).make(path)
    pixels = pixels_of(path)
    path.write_bytes(with_counts(whole, uncounted=uncounted, open_length=True))
    assert structure_warnings(path) == ()
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels)


@pytest.mark.parametrize("tile_parts", ["R", ""])
@pytest.mark.parametrize("stated", [1, 200])
def test_fewer_tile_parts_than_stated_are_enough_if_every_packet_is_there(
    tmp_path: Path, tile_parts: str, stated: int
) -> None:
    path = tmp_path / "a.jp2"
    whole = Kind(Encoding(tile=(64, 48), tile_parts=tile_parts)).make(path)
    pixels = pixels_of(path)
    content, last = bytearray(whole), 0
    at = whole.index(SOT)
    while whole[at : at + 4] == SOT:
        content[at + 11] = min(whole[at + 11] + stated, 255)
        last, at = at, at + int.from_bytes(whole[at + 6 : at + 10])
    path.write_bytes(content)
    (warning,) = structure_warnings(path)
    assert "fewer tile-parts than they state (TNsot)" in warning
    for plan in EVERY_PLAN:
        assert np.array_equal(pixels_of(path, plan), pixels)
    if tile_parts:
        path.write_bytes(content[:last] + content[at:])
        assert "of its" in refusal(path).message


SOT = b"\xff\x90\x00\x0a"


@pytest.mark.parametrize("open_length", [False, True])
def test_a_cut_in_the_end_marker_is_truncation_if_the_packets_cannot_be_followed(
    tmp_path: Path, open_length: bool
) -> None:
    """As with a POC."""
    path = tmp_path / "a.j2k"
    order = segment(0xFF5F, struct.pack(">BBHBBB", 0, 0, 1, 1, 1, 0))
    whole = with_counts(codestream(None, None, order), uncounted=True, open_length=open_length)
    path.write_bytes(whole)
    assert structure_warnings(path) == ()
    path.write_bytes(whole[:-2])
    assert refusal(path).cause is Cause.TRUNCATED


def test_an_end_marker_missing_from_a_box_of_fitting_length_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(jp2(codestream()[:-2]) + box(b"uuid", b"x" * 20))
    assert structure_warnings(path) == (NO_END_MARKER,)
    assert pixels_of(path).shape == (16, 16, 1)


def test_a_file_cut_in_its_last_metadata_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 64, 48, wrapping=Wrapping(trailing_boxes=(box(b"uuid", b"0123456789abcdef" * 9),)))
    assert structure_warnings(path) == ()
    path.write_bytes(path.read_bytes()[:-9])
    failure = refusal(path)
    assert failure.cause is Cause.TRUNCATED
    assert "'uuid'" in failure.message


@pytest.mark.parametrize("wrapped", [False, True])
def test_trailing_garbage_is_a_warning(tmp_path: Path, wrapped: bool) -> None:
    path = tmp_path / "a"
    Kind(raw=not wrapped).make(path)
    path.write_bytes(path.read_bytes() + b"garbage \x00\x01\x02 after the end")
    header = read_header(path)
    warnings = (*header.warnings, *structure_warnings(path))
    assert len(warnings) == 1


def test_a_tail_of_zeros_is_truncated(tmp_path: Path) -> None:
    """As a copy leaves it that set the size first and never came to the end."""
    path = tmp_path / "a.jp2"
    whole = Kind(Encoding(tile=(64, 64))).make(path)
    path.write_bytes(whole[:-5000] + bytes(5000))
    failure = refusal(path)
    assert failure.cause is Cause.TRUNCATED
    assert "zeros" in failure.message


def four_tiles(**changes: bytes) -> bytes:
    """Four tiles of one tile-part each; `tile_2=b""` leaves one out."""
    parts = {f"tile_{tile}": tile_part(tile) for tile in range(4)}
    return codestream(siz((0, 0, 32, 32), (16, 16)), tiles=b"".join((parts | changes).values()))


DAMAGES = {
    "missing tile": (four_tiles(tile_2=b""), Cause.TRUNCATED, "1 of 4 tiles"),
    "missing last tile": (four_tiles(tile_3=b""), Cause.TRUNCATED, "the first of them tile 3"),
    "missing tile-part": (
        four_tiles(tile_1=tile_part(1, count=2, data=b"")),
        Cause.TRUNCATED,
        "1 of its 2 tile-parts",
    ),
    "missing tile-part before": (
        four_tiles(tile_1=tile_part(1, index=1, count=2)),
        Cause.CORRUPT,
        "tile-part 0",
    ),
    "tile beyond the grid": (four_tiles(tile_2=tile_part(9)), Cause.CORRUPT, "tile 9 of 4"),
    "tile-part twice": (four_tiles(tile_3=tile_part(3) * 2), Cause.CORRUPT, "out of order"),
    "length too large": (four_tiles(tile_1=tile_part(1, psot=99999)), Cause.TRUNCATED, "beyond the end"),
    "length too small": (four_tiles(tile_1=tile_part(1, psot=14)), Cause.CORRUPT, "neither a tile-part"),
    "length impossible": (four_tiles(tile_1=tile_part(1, psot=13)), Cause.CORRUPT, "length of 13 bytes"),
    "length leads back": (four_tiles(tile_1=tile_part(1, psot=1)), Cause.CORRUPT, "length of 1 bytes"),
    "open length not last": (four_tiles(tile_1=tile_part(1, psot=0)), Cause.CORRUPT, "open length"),
    "no tile-part": (codestream(tiles=b""), Cause.CORRUPT, "no tile-part"),
    "packets longer than the tile-part": (
        codestream(tiles=tile_part(header=segment(0xFF58, b"\0\x85\x00"))),
        Cause.CORRUPT,
        "639 bytes shorter",
    ),
    "header longer than the tile-part": (
        codestream(tiles=tile_part(header=segment(0xFF64, bytes(20)), psot=20) + bytes(99)),
        Cause.CORRUPT,
        "longer",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_tile_parts_that_do_not_fit_are_found(tmp_path: Path, name: str) -> None:
    content, cause, words = DAMAGES[name]
    (tmp_path / "a.j2k").write_bytes(content)
    failure = refusal(tmp_path / "a.j2k")
    assert failure.cause is cause
    assert words in failure.message


SOP = b"\xff\x91\x00\x04\x00\x00"


def test_a_last_tile_part_of_open_length_reaches_to_the_end_marker(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    path.write_bytes(four_tiles(tile_3=tile_part(3, psot=0, data=SOP + b"\xe3\xff\x7f\x00")))
    assert structure_warnings(path) == ()
    path.write_bytes(path.read_bytes()[:-2])
    assert structure_warnings(path) == (NO_END_MARKER,)
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(path).cause is Cause.TRUNCATED


def test_a_wavelet_of_part_2_in_a_tile_is_unsupported_and_not_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    tile = tile_part(header=cod(wavelet=2))
    path.write_bytes(codestream(siz(capabilities=0x8000), tiles=tile))
    assert refusal(path).cause is Cause.UNSUPPORTED
    path.write_bytes(codestream(tiles=tile))
    assert refusal(path).cause is Cause.CORRUPT


def test_an_empty_start_of_tile_is_skipped(tmp_path: Path) -> None:
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 12, 0, 2)
    (tmp_path / "a.j2k").write_bytes(codestream(tiles=sot + tile_part(index=1, count=2)))
    structure_warnings(tmp_path / "a.j2k")


def test_a_tile_part_missing_from_an_uncounted_tile_is_found_by_the_list_of_lengths(tmp_path: Path) -> None:
    tlm = segment(0xFF55, struct.pack(">BBII", 0, 0x40, 15, 15))
    (tmp_path / "a.j2k").write_bytes(codestream(None, None, tlm, tiles=tile_part(count=0)))
    failure = refusal(tmp_path / "a.j2k")
    assert failure.cause is Cause.TRUNCATED
    assert "lists 2 tile-parts" in failure.message


def test_packet_lengths_that_are_too_small_are_a_warning(tmp_path: Path) -> None:
    part = tile_part(header=segment(0xFF58, b"\0\x01"), data=bytes(5))
    (tmp_path / "a.j2k").write_bytes(codestream(tiles=part))
    more, zeros = structure_warnings(tmp_path / "a.j2k")
    assert more == "tiles that hold more bytes than their packets (PLT) add up to: 1"
    assert zeros == "tiles in which zeros follow the last packet: 1"


def test_wrong_tile_part_lengths_are_a_warning(tmp_path: Path) -> None:
    tlm = segment(0xFF55, struct.pack(">BBI", 0, 0x40, 999))
    (tmp_path / "a.j2k").write_bytes(codestream(None, None, tlm))
    assert any("TLM" in warning for warning in structure_warnings(tmp_path / "a.j2k"))


def test_what_jpylyzer_finds_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    make_jp2(path, 64, 48)
    content = bytearray(path.read_bytes())
    # The intellectual property flag of ihdr, which is 0 or 1.
    content[content.index(b"ihdr") + 17] = 9
    path.write_bytes(content)
    assert structure_warnings(path) == ("jpylyzer: iPRIsValid failed",)


def test_a_fault_of_jpylyzer_is_a_warning_and_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.j2k").write_bytes(codestream(siz(capabilities=8)))
    (warning,) = structure_warnings(tmp_path / "a.j2k")
    assert warning.startswith("jpylyzer gave up")


MONSTERS = {
    "channel count without channels": jp2(codestream(), box(b"jp2h", box(b"cdef", b"\xff\xff") * 400)),
    "channel count inside a resolution": jp2(codestream(), box(b"res ", box(b"cdef", b"\xff\xff") * 400)),
    "profile of four thousand million tags": jp2(
        codestream(), box(b"colr", b"\x02\0\0" + bytes(36) + b"acsp" + bytes(88) + b"\xff" * 4)
    ),
    "profile number of half a million bits": codestream(None, None, *[segment(0xFF56, b"\xff" * 65000)] * 20),
    "packet lengths in the main header": codestream(None, None, *[segment(0xFF57, b"\x80" * 65000)] * 20),
    "packet lengths in tile-parts": codestream(
        tiles=tile_part(header=segment(0xFF58, b"\0" + b"\x80" * 65000) * 20)
    ),
    "comments in a tile-part": codestream(tiles=tile_part(header=segment(0xFF64, b"\0\1") * 60_000)),
    "tile-parts": codestream(siz((0, 0, 100, 100), (1, 1)), tiles=b"".join(map(tile_part, range(10_000)))),
}


@pytest.mark.parametrize("name", MONSTERS)
def test_wrong_counts_cost_neither_time_nor_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_bytes(MONSTERS[name])
    began = time.process_time()
    structure_warnings(tmp_path / "a")
    assert time.process_time() - began < 1


def test_a_jpx_is_not_tested_against_the_profile_of_part_1(tmp_path: Path) -> None:
    unknown = (box(b"colr", struct.pack(">BbBI", 1, 3, 2, 21)), box(b"abcd", b""))
    make_jp2(tmp_path / "a.jpx", 64, 48, wrapping=Wrapping(brand=b"jpx ", extra_header_boxes=unknown))
    assert structure_warnings(tmp_path / "a.jpx") == ()


def test_nothing_is_written_to_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_jp2(tmp_path / "a.jp2", 64, 48, wrapping=Wrapping(extra_header_boxes=(box(b"abcd", b"x"),)))
    structure_warnings(tmp_path / "a.jp2")
    assert capfd.readouterr() == ("", "")


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    """A tile-part of half a gigabyte, a hole in the file."""
    path = tmp_path / "a.j2k"
    start = SOC + siz() + cod() + qcd()
    size = 2**29
    with path.open("wb") as out:
        out.write(start + tile_part(psot=size))
        out.truncate(len(start) + size)
        out.seek(0, 2)
        out.write(EOC)
    tracemalloc.start()
    try:
        began = time.process_time()
        assert structure_warnings(path) == ("tiles in which zeros follow the last packet: 1",)
        assert time.process_time() - began < 0.5
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_grid_of_sixty_thousand_tiles_takes_seconds_and_not_minutes(tmp_path: Path) -> None:
    side = 250
    size = siz((0, 0, side, side), (1, 1))
    (tmp_path / "a.j2k").write_bytes(codestream(size, tiles=b"".join(map(tile_part, range(side * side)))))
    began = time.process_time()
    assert structure_warnings(tmp_path / "a.j2k") == ()
    assert time.process_time() - began < 5


@pytest.mark.needs_tool("opj_decompress")
def test_every_conformance_file_the_reference_decoder_takes_passes(conformance: Path, tmp_path: Path) -> None:
    files = [path for path in sorted(conformance.iterdir()) if path.suffix in (".jp2", ".j2k", ".j2c")]
    assert files
    for path in files:
        try:
            assert structure_warnings(path) == (), path.name
        except ImageError as error:
            assert not opj_decompress(path, tmp_path / "out.pgx"), f"{path.name}: {error}"
