"""Whatever the bytes, reading a header and checking a structure end in an answer or an ImageError, and soon."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.demo.jp2_boxes import EXIF_UUID, IPTC_UUID, SIGNATURE, XMP_UUID, PaletteTable, box
from engine.failures import ImageError
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from tests.support.codestreams import EOC, SOC, cod, codestream, jp2, qcd, segment, siz, tile_part
from tests.support.jp2_files import Encoding, Wrapping, make_codestream, make_jp2, wide_gamut_profile

SECONDS = 1.0
"""Of processor time for one small file; it takes a thousandth."""

PEAK_BYTES = 64 * 2**20

bounded = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def look_at(content: bytes) -> None:
    """Reads the bytes as a file; anything but an answer or an ImageError fails the test."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "image.jp2"
        path.write_bytes(content)
        began = time.process_time()
        tracemalloc.start()
        try:
            with Jp2File.open(path) as file:
                header = file.header
                warnings = (*header.warnings, *file.metadata.warnings, *check_structure(file).warnings)
        except ImageError as error:
            assert error.failure.message
            assert "\n" not in error.failure.message
        else:
            assert all(warnings)
            assert header.width > 0
            assert header.height > 0
            assert header.is_tiled in (True, False)
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < PEAK_BYTES
        assert time.process_time() - began < SECONDS


@cache
def real_files() -> tuple[bytes, ...]:
    """Files with something of everything, small, so that a random place is often an interesting one."""
    metadata = (
        (XMP_UUID, b"<x:xmpmeta/>"),
        (EXIF_UUID, b"II*\0\x08\0\0\0"),
        (IPTC_UUID, b"\x1c\x02\x78\0\1x"),
    )
    palette = PaletteTable(((0, 0, 0), (128, 9, 3), (255, 255, 255)))
    channels = ((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 1, 0))
    everything = Encoding(tile=(16, 16), tile_parts="R", plt=True, tlm=True, sop=True, eph=True, levels=2)
    jp2s = (
        (4, Wrapping(uuids=metadata, channels=channels, capture_dpi=(300, 300)), everything),
        (1, Wrapping(palette=palette, codestream_length="extended"), Encoding(levels=1)),
        (3, Wrapping(icc=wide_gamut_profile(), brand=b"jpx ", codestream_length="zero"), Encoding(levels=1)),
    )
    with TemporaryDirectory() as directory:
        path = Path(directory) / "a"
        contents = []
        for components, wrapping, encoding in jp2s:
            make_jp2(path, 40, 24, channels=components, wrapping=wrapping, encoding=encoding)
            contents.append(path.read_bytes())
        make_codestream(path, 40, 24, encoding=everything)
        return (*contents, path.read_bytes(), codestream(), jp2(codestream()))


@st.composite
def spoiled_files(draw: st.DrawFn) -> bytes:
    """A real file with some bytes changed, taken out, doubled or put in, mostly near its beginning."""
    content = bytearray(draw(st.sampled_from(real_files())))
    for _ in range(draw(st.integers(1, 4))):
        reach = draw(st.sampled_from((100, 250, len(content))))
        at = draw(st.integers(0, max(0, min(reach, len(content)) - 1)))
        match draw(st.sampled_from(("byte", "word", "remove", "repeat", "insert", "cut"))):
            case "byte":
                content[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "word":
                word = draw(
                    st.sampled_from((0, 1, 2, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content)))
                )
                content[at : at + 4] = struct.pack(">I", word)
            case "remove":
                del content[at : at + draw(st.integers(1, 64))]
            case "repeat":
                content[at:at] = content[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 20))
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case "cut":
                del content[at:]
    return bytes(content)


@bounded
@given(content=spoiled_files())
def test_a_spoiled_file_ends_in_an_answer_or_an_image_error(content: bytes) -> None:
    look_at(content)


@bounded
@given(start=st.sampled_from((SIGNATURE, SOC + b"\xff\x51", SOC + siz(), b"")), rest=st.binary(max_size=300))
def test_noise_after_a_signature_ends_in_an_answer_or_an_image_error(start: bytes, rest: bytes) -> None:
    look_at(start + rest)


KINDS = tuple(
    b"jP  ,ftyp,jp2h,ihdr,bpcc,colr,pclr,cmap,cdef,res ,resc,resd,jp2c,uuid,xml ,ftbl,free".split(b",")
)


def wild_box(kind: bytes, content: bytes, length: int | None) -> bytes:
    return box(kind, content) if length is None else struct.pack(">I4s", length, kind) + content


boxes = st.recursive(
    st.builds(
        wild_box, st.sampled_from(KINDS), st.binary(max_size=40), st.none() | st.integers(0, 2**32 - 1)
    ),
    lambda inner: st.builds(
        wild_box,
        st.sampled_from(KINDS),
        st.lists(inner, max_size=5).map(b"".join),
        st.none() | st.integers(0, 99),
    ),
    max_leaves=12,
)


@bounded
@given(
    before=st.lists(boxes, max_size=4), inside=st.lists(boxes, max_size=4), after=st.lists(boxes, max_size=3)
)
def test_any_tree_of_boxes_ends_in_an_answer_or_an_image_error(
    before: Sequence[bytes], inside: Sequence[bytes], after: Sequence[bytes]
) -> None:
    whole = jp2(codestream(), *inside)
    look_at(SIGNATURE + b"".join(before) + whole[len(SIGNATURE) :] + b"".join(after))


segments = st.builds(
    segment,
    st.sampled_from((0xFF50, 0xFF53, 0xFF55, 0xFF57, 0xFF58, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF64)),
    st.binary(max_size=30),
)
tile_parts = st.builds(
    tile_part,
    st.integers(0, 5),
    st.integers(0, 3),
    st.integers(0, 3),
    st.binary(max_size=20),
    st.lists(segments, max_size=2).map(b"".join),
    st.none() | st.integers(0, 80),
)


@bounded
@given(
    main=st.lists(segments, max_size=4),
    parts=st.lists(tile_parts, max_size=6),
    side=st.integers(1, 40),
    tile=st.integers(1, 40),
    end=st.sampled_from((EOC, b"", b"\xff", b"\0\0\0\0")),
)
def test_any_chain_of_tile_parts_ends_in_an_answer_or_an_image_error(
    main: Sequence[bytes], parts: Sequence[bytes], side: int, tile: int, end: bytes
) -> None:
    size = siz((0, 0, side, side), (tile, tile))
    look_at(SOC + size + cod() + qcd() + b"".join(main) + b"".join(parts) + end)
