"""The reference decoder: opj_decompress of libopenjp2-tools, a build of OpenJPEG that is not the wheel's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jp2.jp2_file import read_header
from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S


def opj_decompress(source: Path, target: Path, *options: str) -> bool:
    """Whether it accepts the file; for tests that are marked `needs_tool("opj_decompress")`."""
    arguments = [system_tool("opj_decompress"), "-i", str(source), "-o", str(target), "-quiet", *options]
    done = subprocess.run(arguments, capture_output=True, timeout=LONGEST_WAIT_S, check=False)
    return done.returncode == 0


def reference_planes(path: Path, folder: Path) -> list[NDArray[np.int64]] | None:
    """The samples of every component from the reference decoder, before its colour conversion; None if it refuses.

    The codestream is taken out of its boxes. Subsampled components are asked for one by one: of three
    together the tool would make RGB.
    """
    header = read_header(path)
    codestream = folder / "reference.j2k"
    codestream.write_bytes(path.read_bytes()[header.codestream_offset :])
    first = header.components[0]
    if all((part.dx, part.dy) == (first.dx, first.dy) for part in header.components):
        return _planes(codestream, folder / "all.pgx", len(header.components))
    planes = []
    for index in range(len(header.components)):
        one = _planes(codestream, folder / f"c{index}.pgx", 1, "-c", str(index))
        if one is None:
            return None
        planes += one
    return planes


def _planes(source: Path, target: Path, count: int, *options: str) -> list[NDArray[np.int64]] | None:
    if not opj_decompress(source, target, *options):
        return None
    names = [target.with_name(f"{target.stem}_{index}.pgx") for index in range(count)]
    return [read_pgx(name) for name in names]


def read_pgx(path: Path) -> NDArray[np.int64]:
    """PGX (ISO/IEC 15444-4, B.1): a line `PG ML +8 width height`, then the samples."""
    head, body = path.read_bytes().split(b"\n", 1)
    _, order, *rest = head.split()
    depth, width, height = b" ".join(rest).replace(b"+", b"+ ").replace(b"-", b"- ").split()[-3:]
    sign = "i" if b"-" in head else "u"
    size = 1 if int(depth) <= 8 else 2 if int(depth) <= 16 else 4
    samples = np.frombuffer(body, f"{'>' if order == b'ML' else '<'}{sign}{size}")
    return samples.reshape(int(height), int(width)).astype(np.int64)


def read_ppm(path: Path) -> NDArray[Any]:
    """Binary PGM or PPM, 8 or 16 bits, (rows, columns, channels)."""
    lines: list[bytes] = []
    body = path.read_bytes()
    while len(lines) < 3:
        line, body = body.split(b"\n", 1)
        if not line.startswith(b"#"):
            lines.append(line)
    width, height = (int(number) for number in lines[1].split())
    kind = np.dtype(">u2" if int(lines[2]) > 255 else "u1")
    return np.frombuffer(body, kind).reshape(height, width, 3 if lines[0] == b"P6" else 1)
