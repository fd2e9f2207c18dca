"""Runs another decoder's program on a codestream, within bounds of time and memory, and reads the planes it writes."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.failures import one_line
from engine.jp2.header import Component
from engine.processes.child import end_with_parent

Plane = NDArray[Any]
"""(rows, columns) of a component's samples."""
_LAST_WORDS_BYTES = 2000
_LAST_WORDS = 200


class NoOpinion(Exception):
    """The decoder cannot read this file; the message says why."""


def run(arguments: Sequence[str], folder: Path, memory_bytes: int, timeout_s: float) -> str:
    """What the program printed last; raises NoOpinion if it fails, hangs or is not there."""
    output = folder / "output.txt"

    def limit() -> None:
        end_with_parent()
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

    try:
        with output.open("wb") as stream:
            done = subprocess.run(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
                timeout=timeout_s, preexec_fn=limit, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoOpinion(f"it was not done after {timeout_s:.0f} s") from None
    except OSError as error:
        raise NoOpinion(f"it cannot be started: {error.strerror}") from error
    words = _last_words(output)
    if done.returncode != 0:
        raise NoOpinion(f"it ended with {done.returncode}: {words}")
    return words


def _last_words(output: Path) -> str:
    with output.open("rb") as stream:
        stream.seek(max(0, output.stat().st_size - _LAST_WORDS_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return one_line(text)[-_LAST_WORDS:]


def read_pgx(path: Path) -> Plane:
    """PGX (ISO/IEC 15444-4, B.1): a line `PG ML +8 width height`, then the samples."""
    try:
        head, body = path.read_bytes().split(b"\n", 1)
        _, order, *rest = head.split()
        depth, width, height = b" ".join(rest).replace(b"+", b"+ ").replace(b"-", b"- ").split()[-3:]
        size = 1 if int(depth) <= 8 else 2 if int(depth) <= 16 else 4
        kind = f"{'>' if order == b'ML' else '<'}{'i' if b'-' in head else 'u'}{size}"
        return np.frombuffer(body, kind).reshape(int(height), int(width))
    except (OSError, ValueError) as error:
        raise NoOpinion(f"it wrote nothing that can be read: {error}") from error


def read_raw(path: Path, components: Sequence[Component], order: str) -> list[Plane]:
    """Samples without a header; of several components they are interleaved. `order` is < or >."""
    first = components[0]
    kind = f"{order}{'i' if first.signed else 'u'}{1 if first.bits <= 8 else 2}"
    try:
        samples = np.fromfile(path, kind).reshape(first.height, first.width, len(components))
    except (OSError, ValueError) as error:
        raise NoOpinion(f"it wrote nothing that can be read: {error}") from error
    return [samples[:, :, band] for band in range(len(components))]


def read_planes(path: Path, components: Sequence[Component]) -> list[Plane]:
    """Components of 8 bits, one after the other."""
    try:
        samples = np.fromfile(path, np.uint8)
        edges = np.cumsum([part.width * part.height for part in components])
        if len(samples) != edges[-1]:
            raise NoOpinion(f"it wrote {len(samples):,} samples, not {edges[-1]:,}")
        planes = np.split(samples, edges[:-1])
        return [plane.reshape(p.height, p.width) for plane, p in zip(planes, components, strict=True)]
    except (OSError, ValueError) as error:
        raise NoOpinion(f"it wrote nothing that can be read: {error}") from error
