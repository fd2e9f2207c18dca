"""The demo collection: forty images of five types, each a `Plate`, the same every time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SEED = 1906
"""The year the photostat was invented."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://example.org/photostat/demo")


def identity(name: str) -> str:
    """The UUID of a representation of the demo, by its name."""
    return str(uuid.uuid5(_NAMESPACE, name))


@dataclass(frozen=True)
class Plate:
    """An image of the demo: how it is painted, and how its JP2 is written."""

    type: str
    item: str
    """Names the representation, the barcode and the record."""
    name: str
    """Of the TIFF that the JP2 was made from."""
    painter: str
    """newspaper, manuscript, photograph, chart or engraving."""
    width: int
    height: int
    noise: float
    """Grain, in 8-bit steps."""
    options: dict[str, Any] = field(default_factory=dict)
    """For the painter."""
    colour: bool = True
    bits: int = 8
    tile: int | None = None
    icc: str = ""
    """A profile libvips has built in; empty for an enumerated colour space."""
    dpi: float | None = 300.0
    progression: str = "LRCP"
    xmp: bool = False
    file: str = ""
    """The JP2's name; empty for the TIFF's with its extension replaced."""

    @property
    def uuid(self) -> str:
        return identity(self.item)

    @property
    def source(self) -> str:
        """Relative to the workspace."""
        stem = self.name.rsplit(".", 1)[0]
        return f"source/{self.uuid}/{self.file or stem + '.jp2'}"

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def plates() -> list[Plate]:
    """The forty good images, by type."""
    return [*_newspapers(), *_manuscripts(), *_photographs(), *_maps(), *_prints()]


def colliding() -> list[Plate]:
    """Two good images whose rows have the same target: the same representation and the same name."""
    return [
        Plate(
            "prints", "print portfolio", "plate 09.tif", "engraving", 620, 460, 7.0,
            {"scene": "landscape"}, colour=False, file=f"plate 09 {side}.jp2",
        )
        for side in ("recto", "verso")
    ]  # fmt: skip


def _newspapers() -> Iterator[Plate]:
    """Two issues in grey and one in colour."""
    for page in range(1, 5):
        yield Plate(
            "newspapers", "courier 1887-10-22", f"courier-18871022_{page:03}.tif", "newspaper", 1500, 2100, 5.0,
            {"first": page == 1}, colour=False, progression="RPCL",
        )  # fmt: skip
    for page in range(1, 5):
        yield Plate(
            "newspapers", "herald 1891-04-11", f"herald 1891 p.{page}.TIF", "newspaper", 1240, 1740, 5.5,
            {"first": page == 1}, colour=False, tile=512, dpi=None if page == 4 else 400.0,
        )  # fmt: skip
    for page in range(1, 4):
        yield Plate(
            "newspapers", "gazette 1902-01-04", f"gazette_{page}.tiff", "newspaper", 1300, 1820, 10.0,
            {"first": page == 1}, icc="p3", xmp=True,
        )  # fmt: skip


def _manuscripts() -> Iterator[Plate]:
    """A letter, a codex, and a title page: `title.tif` must become `title.jpg`."""
    for leaf in range(1, 5):
        yield Plate(
            "manuscripts", "letter Whitlock", f"BPL 2596, fol. {leaf}.tif", "manuscript", 1180, 1560, 12.0,
            {"letter": leaf == 1}, tile=1024, icc="p3" if leaf < 3 else "",
        )  # fmt: skip
    for leaf in range(1, 4):
        yield Plate(
            "manuscripts", "codex Perizonius", f"PER_Q_{leaf:02}_verso.tif", "manuscript", 1650, 2150, 12.0,
            {"letter": False}, progression="PCRL", dpi=400.0, xmp=leaf == 1,
        )  # fmt: skip
    yield Plate(
        "manuscripts", "codex Perizonius", "title.tif", "manuscript", 1400, 1900, 6.0,
        {"letter": True}, colour=False, bits=10,
    )  # fmt: skip


def _photographs() -> Iterator[Plate]:
    """An album, negatives with up to 16 bits, autochromes; from a carte de visite to a 12-megapixel view."""
    album = (
        ("landscape", "albumen", 1800, 1300), ("canal", "albumen", 1500, 1150), ("harbour", "albumen", 1600, 1200),
        ("canal", "cyanotype", 900, 680), ("landscape", "silver", 640, 480), ("harbour", "cyanotype", 760, 560),
    )  # fmt: skip
    for number, (scene, process, width, height) in enumerate(album, 1):
        yield Plate(
            "photographs", "album Hooft", f"album_hooft_{number:02}.tif", "photograph", width, height, 15.0,
            {"scene": scene, "process": process}, tile=256 if number == 2 else None,
            icc="srgb" if number == 1 else "",
        )  # fmt: skip
    for number, (scene, bits) in enumerate((("canal", 16), ("harbour", 12), ("landscape", 8)), 1):
        yield Plate(
            "photographs", "negatives Vos", f"NEG-{number:04}.tif", "photograph", 1700, 1250, 8.0,
            {"scene": scene, "process": "silver"}, colour=False, bits=bits, dpi=1200.0, progression="RLCP",
        )  # fmt: skip
    yield Plate(
        "photographs", "autochromes", "été à Leyde.tif", "photograph", 1200, 900, 12.0,
        {"scene": "landscape", "process": "autochrome"}, icc="p3", dpi=1200.0,
    )  # fmt: skip
    yield Plate(
        "photographs", "panorama", "panorama of the lake.tif", "photograph", 4200, 2860, 9.0,
        {"scene": "landscape", "process": "silver"}, colour=False, tile=1024, progression="RPCL", xmp=True,
    )  # fmt: skip


def _maps() -> Iterator[Plate]:
    sheets = (
        (2400, 1800, True, None),
        (2900, 2200, True, 1024),
        (1900, 1450, False, None),
        (1500, 1120, True, 512),
    )
    for number, (width, height, tinted, tile) in enumerate(sheets, 1):
        yield Plate(
            "maps", f"atlas {1 + number // 3}", f"COLLBN_P{number:03}_N{number}.tif", "chart", width, height,
            11.0 if tinted else 6.0, {"tinted": tinted}, colour=tinted, tile=tile, icc="p3" if number < 3 else "",
        )  # fmt: skip


def _prints() -> Iterator[Plate]:
    for number, scene in enumerate(("harbour", "canal", "landscape", "harbour", "canal", "landscape"), 1):
        yield Plate(
            "prints", "print portfolio", f"plate {number:02}.tif", "engraving", 1500 - 120 * number,
            1120 - 90 * number, 8.0, {"scene": scene}, colour=number % 2 == 0, dpi=600.0,
        )  # fmt: skip
