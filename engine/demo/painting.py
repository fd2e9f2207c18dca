"""Paints one plate and writes its JP2, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyvips

from engine.demo.canvas import Picture, Random, grey, samples
from engine.demo.chart import chart
from engine.demo.collection import Plate
from engine.demo.engraving import engraving
from engine.demo.jp2_boxes import Wrapping
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.demo.manuscript import manuscript
from engine.demo.newspaper import newspaper
from engine.demo.photograph import photograph

PAINTERS: dict[str, Callable[..., Picture]] = {
    "newspaper": newspaper,
    "manuscript": manuscript,
    "photograph": photograph,
    "chart": chart,
    "engraving": engraving,
}

_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def make_plate(path: Path, plate: Plate, seed: tuple[int, ...]) -> int:
    """Paints the plate and writes it at `path`, whole or not at all; returns its size in bytes."""
    picture = paint(np.random.default_rng(seed), plate)
    pixels = samples(picture if plate.colour else grey(picture), plate.bits)
    wrapping = Wrapping(
        icc=profile(plate.icc) if plate.icc else None,
        capture_dpi=(plate.dpi, plate.dpi) if plate.dpi else None,
        xmp=_XMP.format(title=plate.name).encode() if plate.xmp else None,
    )
    tile = (plate.tile, plate.tile) if plate.tile else None
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    write_jp2(unfinished, pixels, Encoding(tile=tile, progression=plate.progression), wrapping, plate.bits)
    unfinished.replace(path)
    return path.stat().st_size


def paint(random: Random, plate: Plate) -> Picture:
    """The plate's picture, 0 black to 1 white."""
    return PAINTERS[plate.painter](random, plate.width, plate.height, plate.noise, **plate.options)


@cache
def profile(name: str) -> bytes:
    """An ICC profile that libvips has built in: p3 (wide gamut) or srgb."""
    return bytes(pyvips.Image.profile_load(name))
