"""Small pictures of photostat's own, one or more for each decode mode: where the same JPEGs come of them, all will be.

The libraries come from wheels, pinned; but OpenJPEG may be the system's, a wheel may be another build, and what 9-7
wavelets, colours and JPEGs come to is rounded by the processor. So machines of one run show each other what they make.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from msgspec import Struct

from engine.config import PLAIN_JPEG, JpegSettings
from engine.messages import DecodeMode, Job, Plan

_FILES = Path(__file__).parent / "specimen_files"


class Specimen(Struct, frozen=True):
    name: str
    """In a sentence, after `the specimen`."""
    file: str
    mode: DecodeMode
    jpeg: JpegSettings = PLAIN_JPEG

    @property
    def path(self) -> Path:
        return _FILES / self.file


SPECIMENS = (
    Specimen("decoded whole", "untiled.jp2", DecodeMode.WHOLE),
    Specimen("decoded in strips", "untiled.jp2", DecodeMode.STRIPS, JpegSettings(icc="srgb", quality=80)),
    Specimen("of the 9-7 wavelet, decoded whole", "untiled-lossy.jp2", DecodeMode.WHOLE),
    Specimen("of 16 bits, decoded tile by tile", "tiled.jp2", DecodeMode.TILES, JpegSettings(optimize=True)),
    Specimen("of the 9-7 wavelet, decoded tile by tile", "tiled-lossy.jp2", DecodeMode.TILES),
)
"""96 by 80 pixels each: edges, gradients and grain. Those of the 9-7 wavelet are lossy, the others not; the untiled one
has a colour profile (Display P3)."""
_STRIP_ROWS = 32


class Conversions(Struct, frozen=True):
    """What a machine makes of the specimens, and what decides that."""

    md5s: tuple[tuple[str, str], ...]
    """Of the JPEGs, by the specimens' names."""
    codecs: tuple[tuple[str, str], ...]
    """What is really loaded, and the processor: names and versions."""


def convert_specimens(directory: Path) -> Conversions:
    """Leaves nothing in `directory`. Raises ImageError if one cannot be converted, ImportError or OSError if a library
    cannot be loaded."""
    from engine.conversion.convert import convert_image  # which loads libvips and OpenJPEG

    md5s: list[tuple[str, str]] = []
    for specimen in SPECIMENS:
        jpeg = (
            directory / f"0-{len(md5s)}-{os.getpid()}.jpg"
        )  # what is left of a killed process, scratch removes
        plan = Plan(specimen.mode, strip_rows=_STRIP_ROWS)
        job = Job(0, 1, "", str(specimen.path), "", str(jpeg), specimen.jpeg, False, plan)
        try:
            md5s.append((specimen.name, convert_image(job, lambda stage: None).md5))
        finally:
            jpeg.unlink(missing_ok=True)
    return Conversions(tuple(md5s), _codecs())


def difference(engine: Conversions, host: Conversions, libraries: Iterable[Sequence[str]] = ()) -> str | None:
    """What makes other bytes on the host, one line; None if it makes the same. `libraries` are those that both have."""
    theirs = dict(host.md5s)
    other = [name for name, md5 in engine.md5s if theirs.get(name) != md5]
    if not other:
        return None
    found = dict(host.codecs)
    differs = [
        f"{name} is {found.get(name, 'unknown')} there, and {ours} where the engine is"
        for name, ours in engine.codecs
        if found.get(name) != ours
    ]
    same = ", ".join(" ".join(library) for library in libraries)
    because = "; ".join(differs) if differs else f"same versions, other bytes: {same}"
    which = f"{len(other)} of {len(engine.md5s)}" if len(other) < len(engine.md5s) else "all"
    return (
        f"{because}: the specimen {other[0]} becomes another JPEG there ({which} differ). "
        "Install photostat there from the same wheels as where the engine is, on the same kind of processor"
    )


def _codecs() -> tuple[tuple[str, str], ...]:
    from engine.jp2.decoding.openjpeg import bundled_library, glymur_calls

    pyvips = import_module("pyvips")
    whose = "of Pillow's wheel" if bundled_library() else "of the system"
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    return (
        ("OpenJPEG", f"{glymur_calls().version()} {whose}"),
        ("libvips", libvips),
        ("the processor", platform.machine()),
    )
