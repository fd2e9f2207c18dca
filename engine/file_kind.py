"""The kind of a JPEG 2000 file: what files that one program wrote with one set of options have in common."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from msgspec import Struct, structs

UNNAMED_WRITER = "not named"
NOT_STATED = "not stated"


class FileKind(Struct, frozen=True, order=True):
    """Texts as people read them. Images of a kind are decoded in the same way, whatever they show."""

    writer: str
    """The program, from the codestream's comment (COM)."""
    container: str
    """One of `engine.jp2.header.Container`."""
    transform: str
    """The wavelet, and whether components are transformed."""
    tiling: str
    tile_parts: str
    """Of the first tile, as its first tile-part states."""
    progression: str
    layers: int
    depth: str
    """Bits of a sample."""
    colour: str
    high_throughput: bool
    """HTJ2K code-blocks (ISO/IEC 15444-15)."""
    features: str = ""
    """What matters to a decoder and is rare: POC, RGN, PPM, styles and sizes of code-blocks, precincts."""

    def to_json(self) -> dict[str, Any]:
        return structs.asdict(self)

    def to_text(self) -> str:
        """One line, by which equal kinds are found and which `of_text` reads."""
        return _text_of(self)

    @classmethod
    def of_text(cls, text: str) -> FileKind:
        """Reads what `to_text` of this or an earlier photostat wrote."""
        known = {field.name for field in structs.fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """The heads of a table of kinds; `cells` are in their order."""
        return (
            *(
                "writer",
                "format",
                "transform",
                "tiles",
                "tile-parts",
                "progression",
                "layers",
                "depth",
                "colour",
            ),
            *("code-blocks", "also has"),
        )

    def cells(self) -> tuple[str, ...]:
        return (
            *(self.writer, self.container, self.transform, self.tiling, self.tile_parts, self.progression),
            *(str(self.layers), self.depth, self.colour, self.blocks, self.features),
        )

    @property
    def blocks(self) -> str:
        return "HT" if self.high_throughput else "plain"

    def describe(self) -> str:
        """`Kakadu-v7.10, jp2, 9-7, untiled, tile-parts: 1, RPCL, layers: 12, 8 bits, sRGB, 3 components`."""
        parts = [self.writer, self.container, self.transform]
        parts += ["untiled" if self.tiling == "untiled" else f"tiles {self.tiling}"]
        parts += [f"tile-parts: {self.tile_parts}", self.progression]
        parts += [f"layers: {self.layers}", self.depth, self.colour]
        parts += ["HT"] if self.high_throughput else []
        return ", ".join([*parts, *([self.features] if self.features else [])])


@lru_cache(maxsize=256)
def _text_of(kind: FileKind) -> str:
    """A collection has few kinds, and each is asked for often."""
    return json.dumps(structs.asdict(kind), ensure_ascii=False, sort_keys=True)
