"""Which images a GPU decodes, with real files of real encoders: the library refuses none of them, and its samples are
OpenJPEG's. What the library refuses is refused by the header already."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.failures import ImageError
from engine.gpu.client import codestream_bytes, read_codestream
from engine.gpu.eligibility import refusal
from engine.gpu.refusals import Refusal
from engine.jp2.decoding.openjpeg import DecoderMessages, open_decoder
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from tests.support.gpu_decoders import needs_library
from tests.support.jp2_files import Encoding, Plane, picture, write_codestream
from tests.support.system_tools import system_tool

pytestmark = needs_library
WIDTH, HEIGHT = 191, 131


@dataclass(frozen=True)
class Verdict:
    by_header: Refusal | None
    library_decodes: bool
    largest_difference: int | None
    """Between the library's samples and OpenJPEG's; None if their shapes differ, or there are none."""
    lossy: bool

    @property
    def is_right(self) -> bool:
        """Nothing is asked for in vain, and no sample may differ, of a lossy image by no more than 1."""
        if self.by_header is not None:
            return True
        limit = 1 if self.lossy else 0
        return (
            self.library_decodes and self.largest_difference is not None and self.largest_difference <= limit
        )


@pytest.fixture(scope="module")
def judge() -> Iterator[Callable[[Path], Verdict]]:
    """Asks the header, the library and OpenJPEG."""
    from engine.gpu.library import GpuLibrary

    library = GpuLibrary(None)

    def verdict(path: Path) -> Verdict:
        with Jp2File.open(path) as file:
            features = check_structure(file).features
            why = refusal(file.header, file.main_header.markers, features, lossy=True)
            source = np.zeros(codestream_bytes(file, features.patches), np.uint8)
            read_codestream(file, features.patches, source)
            [image] = library.decode([source])
            with open_decoder(str(path), file.header.container, DecoderMessages()) as decoder:
                decoder.whole()
                theirs = [plane.samples.copy() for plane in decoder.planes()]
        if image is None:
            return Verdict(why, False, None, not file.header.reversible)
        return Verdict(
            why, True, largest_difference(library.samples(image), theirs), not file.header.reversible
        )

    yield verdict


def largest_difference(ours: NDArray[Any], theirs: list[NDArray[Any]]) -> int | None:
    if {plane.shape for plane in theirs} != {ours.shape[:2]} or len(theirs) != ours.shape[2]:
        return None
    return int(np.abs(ours.astype(np.int64) - np.stack(theirs, axis=-1)).max())


def planes(count: int = 3, bits: int = 8, dx: int = 1, dy: int = 1, *, signed: bool = False) -> list[Plane]:
    """The first whole; the others subsampled."""
    found = []
    for index in range(count):
        across, down = (dx, dy) if index else (1, 1)
        samples = picture(-(-WIDTH // across), -(-HEIGHT // down), 1, bits, seed=index).astype(np.int32)
        shifted = samples - (1 << bits - 1) if signed else samples
        found.append(Plane(shifted, bits, signed, across, down))
    return found


REFUSED: dict[Refusal, tuple[list[Plane], Encoding]] = {
    Refusal.COMPONENTS: (planes(2), Encoding()),
    Refusal.DEPTH: (planes(1, bits=7), Encoding()),
    Refusal.SIGNED: (planes(1, signed=True), Encoding()),
    Refusal.MIXED: ([*planes(2), *planes(1, bits=12)], Encoding()),
    Refusal.ORIGIN: (planes(), Encoding(origin=(16, 8))),
    Refusal.REGION: (planes(), Encoding(region_of_interest=(0, 5))),
}


def test_what_is_refused_and_why(tmp_path: Path, judge: Callable[[Path], Verdict]) -> None:
    path = tmp_path / "image.j2k"
    for reason, (parts, encoding) in REFUSED.items():
        write_codestream(path, parts, encoding)
        assert judge(path).by_header is reason
    for across, down in ((2, 1), (2, 2), (4, 1), (1, 2)):  # 4:2:2, 4:2:0, 4:1:1, 4:4:0
        write_codestream(path, planes(3, 8, across, down), Encoding())
        verdict = judge(path)
        assert verdict.by_header is Refusal.SUBSAMPLED
        assert not verdict.library_decodes, "if a later nvImageCodec decodes them, they may be given to it"


def test_bits_components_and_ways_of_coding(tmp_path: Path, judge: Callable[[Path], Verdict]) -> None:
    kinds = {
        f"{bits} bits, {count} components": (planes(count, bits), Encoding())
        for bits, count in product((8, 9, 12, 15, 16), (1, 3, 4))
    }
    kinds |= {f"style {style}": (planes(), Encoding(block_style=style)) for style in (1, 2, 4, 8, 16, 32, 63)}
    kinds |= {
        f"{order}, {layers} layers": (
            planes(),
            Encoding(progression=order, tile=(100, 80), precinct=64, ratios=(*range(2 * layers, 2, -2), 1.0)),
        )
        for order, layers in product(("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"), (1, 6))
    }
    kinds |= {f"{levels} levels": (planes(), Encoding(levels=levels)) for levels in (0, 1, 7)}
    kinds |= {
        "no transform of components": (planes(), Encoding(component_transform=False)),
        "irreversible": (planes(), Encoding(reversible=False, ratios=(8.0,))),
        "tiny tiles": (planes(), Encoding(tile=(33, 17), code_block=16)),
        "tile-parts": (
            planes(),
            Encoding(tile_parts="R", progression="RPCL", tlm=True, plt=True, sop=True, eph=True),
        ),
    }
    for name, (parts, encoding) in kinds.items():
        path = tmp_path / "image.j2k"
        write_codestream(path, parts, encoding)
        verdict = judge(path)
        assert verdict.by_header is None, name
        assert verdict.is_right, (name, verdict)


def test_conformance_files(conformance: Path, judge: Callable[[Path], Verdict]) -> None:
    taken = 0
    for path in sorted(conformance.iterdir()):
        if path.suffix not in (".jp2", ".j2k", ".j2c", ".jpx"):
            continue
        try:
            verdict = judge(path)
        except ImageError:
            continue  # OpenJPEG is asked no more than the GPU
        assert verdict.is_right, (path.name, verdict)
        taken += verdict.by_header is None
    assert taken >= 10


ENCODERS: dict[str, list[list[str]]] = {
    "opj_compress": [
        ["-n", "4"],
        ["-t", "128,128", "-TLM", "-PLT"],
        ["-t", "64,64", "-POC", "T1=0,0,1,2,3,RLCP/T1=2,0,1,6,3,CPRL"],
        ["-ROI", "c=0,U=5"],
        ["-I", "-r", "10"],
    ],
    "grk_compress": [["-n", "4"], ["-t", "128,128", "-X", "-L"], ["-M", "64"], ["-I", "-r", "10"]],
}


@pytest.mark.parametrize(
    "program", [pytest.param(name, marks=pytest.mark.needs_tool(name)) for name in ENCODERS]
)
def test_files_of_other_encoders(program: str, tmp_path: Path, judge: Callable[[Path], Verdict]) -> None:
    source = tmp_path / "picture.ppm"
    source.write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + picture(WIDTH, HEIGHT).tobytes())
    found = []
    for number, options in enumerate(ENCODERS[program]):
        path = tmp_path / f"{number}.jp2"
        subprocess.run(
            [system_tool(program), "-i", source, "-o", path, *options], check=True, capture_output=True
        )
        verdict = judge(path)
        assert verdict.is_right, (options, verdict)
        found.append(verdict.by_header)
    assert found.count(None) >= 2
    if program == "opj_compress":
        assert found[2:4] == [Refusal.PROGRESSION, Refusal.REGION], "also in a tile's own header"
    else:
        assert found[2] is Refusal.HIGH_THROUGHPUT
