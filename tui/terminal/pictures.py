"""Pictures as a terminal can show them, by textual-image: half blocks everywhere, sixel and kitty where that is known.

textual-image asks the terminal what it can do, on import, and reads the answer from the keyboard: where a terminal does
not answer, that costs keys which were typed, and where it answers late, the answer is on the screen. Therefore nothing
is asked here. What the environment says decides, and half blocks are what every terminal with 256 colours shows."""

from __future__ import annotations

import fcntl
import importlib
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from rich.segment import Segment

if TYPE_CHECKING:
    from PIL.Image import Image
    from textual.widget import Widget

VARIABLE = "PHOTOSTAT_PICTURES"
_SIXEL_TERMINALS = ("foot", "mlterm", "contour")
"""Beginnings of TERM whose terminals are known for it; another one, like xterm, may have it switched off."""


class PictureWay(StrEnum):
    BLOCKS = "blocks"
    """Two pixels a character."""
    SIXEL = "sixel"
    KITTY = "kitty"


@dataclass(frozen=True)
class NoPicture:
    """None can be drawn."""

    why: str


def way_to_draw(
    environment: Mapping[str, str], colour_system: str | None, *, no_color: bool, knows_pixels: bool
) -> PictureWay | NoPicture:
    """How, or why not. `colour_system` is Rich's name of it; `knows_pixels` says whether the terminal's size in pixels
    is known, without which sixel and kitty have no scale."""
    asked = environment.get(VARIABLE, "") or "auto"
    if asked == "none":
        return NoPicture(f"{VARIABLE}=none: no picture is drawn.")
    if asked != "auto" and asked not in set(PictureWay):
        return NoPicture(f"{VARIABLE}={asked} is not known: auto, {', '.join(PictureWay)} or none.")
    if no_color:
        return NoPicture("NO_COLOR is set: no picture can be drawn without colours.")
    way = PictureWay(asked) if asked != "auto" else _known(environment)
    if way is not PictureWay.BLOCKS:
        if knows_pixels:
            return way
        if asked != "auto":
            return NoPicture(
                f"This terminal does not tell its size in pixels, which {way} needs: {VARIABLE}=blocks does without."
            )
    if colour_system not in ("256", "truecolor"):
        return NoPicture("This terminal has 16 colours or none: no picture can be drawn with so few.")
    return PictureWay.BLOCKS


def _known(environment: Mapping[str, str]) -> PictureWay:
    term = environment.get("TERM", "")
    if environment.get("TMUX") or environment.get("STY"):  # these pass nothing on that they do not know
        return PictureWay.BLOCKS
    if term == "xterm-kitty":
        return PictureWay.KITTY
    return PictureWay.SIXEL if term.startswith(_SIXEL_TERMINALS) else PictureWay.BLOCKS


def cell_pixels() -> tuple[int, int] | None:
    """Width and height of a character, as the terminal driver has them (ioctl_tty(2)); None if it has not."""
    with suppress(OSError, AttributeError, ValueError):
        assert sys.__stderr__ is not None
        answer = fcntl.ioctl(sys.__stderr__.fileno(), termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("HHHH", answer)
        if rows and columns and width >= columns and height >= rows:
            return width // columns, height // rows
    return None


def _load(cell: tuple[int, int]) -> None:
    """Imports textual-image without a question to the terminal: as if there were none, with cells of this size."""
    if "textual_image.renderable" in sys.modules:
        return
    from textual_image import _terminal

    _terminal.get_cell_size._result = _terminal.CellSize(*cell)  # type: ignore[attr-defined]
    stdout, sys.__stdout__ = sys.__stdout__, None  # type: ignore[misc]
    try:
        importlib.import_module("textual_image.renderable")
    finally:
        sys.__stdout__ = stdout  # type: ignore[misc]


def graphics_widget(
    way: PictureWay, image: Image, cell: tuple[int, int], write: Callable[[str], None]
) -> Widget:
    """A widget that draws pixels, not characters; `write` takes what kitty is sent beside the characters."""
    _load(cell)
    from textual_image.renderable import tgp
    from textual_image.widget import SixelImage, TGPImage

    def send(*, payload: str | None = None, **controls: int | str | None) -> None:
        given = ",".join(f"{key}={value}" for key, value in controls.items() if value is not None)
        write(f"\x1b_G{given}{f';{payload}' if payload else ''}\x1b\\")

    # Its own writes to stdout, in the middle of what the driver's thread writes to stderr.
    tgp._send_tgp_message = send
    made: Widget = (SixelImage if way is PictureWay.SIXEL else TGPImage)(image)
    return made


def half_blocks(image: Image, columns: int, rows: int) -> list[list[Segment]]:
    """The image in so many characters, line by line; neighbours of the same colours are one segment."""
    _load((1, 2))
    from rich.console import Console
    from textual_image.renderable.halfcell import Image as HalfBlocks

    console = Console(width=columns, height=rows, color_system="truecolor", legacy_windows=False)
    options = console.options.update(width=columns, height=rows)
    drawn = HalfBlocks(image, columns, rows).__rich_console__(console, options)
    segments = (part for part in drawn if isinstance(part, Segment))
    return [list(Segment.simplify(line)) for line in Segment.split_lines(segments)]


_ESCAPES = {
    "truecolor": len("\x1b[38;2;100;100;100;48;2;100;100;100m\x1b[0m"),
    "256": len("\x1b[38;5;100;48;5;100m\x1b[0m"),
}
HALF_BLOCK = "▀"
_BLOCK_BYTES = len(HALF_BLOCK.encode())
COLOURS = (64, 32, 16, 8)
FEWER_COLOURS = (*COLOURS, 6, 4, 3, 2)
"""For a picture that is to be as large as the one beside it."""
_SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


def within_budget(
    image: Image, columns: int, rows: int, most_bytes: int, colour_system: str
) -> list[list[Segment]]:
    """The image in half blocks, as large as `reduced` makes it."""
    few = reduced(image, columns, rows, most_bytes, colour_system)
    return [] if few is None else half_blocks(few, few.width, few.height // 2)


def reduced(
    image: Image,
    columns: int,
    rows: int,
    most_bytes: int,
    colour_system: str,
    numbers_of_colours: Sequence[int] = COLOURS,
    *,
    halves: bool = True,
) -> Image | None:
    """The image as large as fits into the cells, with fewer colours, then smaller, until it costs no more than that.

    One pixel for the width of a cell, two for its height. Of the colours, those of 256 come last: neighbours are of the
    same more often, so that the picture is larger, and a larger one shows more. Without `halves` both pixels of a cell
    are one: what stands for a half block where there is none is not seen.
    """
    from PIL.Image import Resampling

    for scale in _SCALES:
        across, down = fitted_cells(image.size, max(1, int(columns * scale)), max(1, int(rows * scale)))
        small = image.convert("RGB").resize((across, down * 2 if halves else down), Resampling.LANCZOS)
        small = small.resize((across, down * 2), Resampling.NEAREST)
        for is_exact, colours in product((True, False), numbers_of_colours):
            if is_exact and colour_system != "truecolor":
                continue
            few = _of_few_colours(small, colours, is_exact=is_exact)
            if cost_bytes(few, colour_system) <= most_bytes:
                return few
    return None


def cost_bytes(image: Image, colour_system: str) -> int:
    """What it costs on the way to the terminal as half blocks, neighbours of the same colours together."""
    width, height = image.size
    data = image.tobytes()
    cost = 0
    for top in range(0, height * width * 3, width * 6):
        before = b""
        for at in range(top, top + width * 3, 3):
            cell = data[at : at + 3] + data[at + width * 3 : at + width * 3 + 3]
            cost += _BLOCK_BYTES + (_ESCAPES[colour_system] if cell != before else 0)
            before = cell
    return cost


def _of_few_colours(image: Image, colours: int, *, is_exact: bool) -> Image:
    """With no more colours than that: the image's own, or the nearest of 256."""
    from PIL.Image import Dither

    few = image.quantize(colours, dither=Dither.NONE)
    if not is_exact:
        palette = few.getpalette() or []
        known = [_nearest(*palette[at : at + 3]) for at in range(0, len(palette), 3)]
        few.putpalette([value for colour in known for value in colour])
    return few.convert("RGB")


_STEPS = (0, 95, 135, 175, 215, 255)
_XTERM = [
    *((red, green, blue) for red in _STEPS for green in _STEPS for blue in _STEPS),
    *((grey, grey, grey) for grey in range(8, 239, 10)),
]
"""The colours 16 to 255 of xterm; Rich's own choice among them turns paper pink."""


@cache
def _nearest(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """A wrong hue counts more than a wrong lightness: paper stays paper."""
    luma, reddish, bluish = _luma_and_hue(red, green, blue)

    def distance(colour: tuple[int, int, int]) -> float:
        other_luma, other_reddish, other_bluish = _luma_and_hue(*colour)
        return (other_luma - luma) ** 2 + 3 * ((other_reddish - reddish) ** 2 + (other_bluish - bluish) ** 2)

    return min(_XTERM, key=distance)


def _luma_and_hue(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """Luma (ITU-R BT.601), and how much more of red and blue there is."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, red - luma, blue - luma


def fitted_cells(size: tuple[int, int], columns: int, rows: int) -> tuple[int, int]:
    """Columns and rows that a picture takes, in its proportions; a character is twice as high as wide."""
    width, height = size
    scale = min(columns / width, 2 * rows / height)
    return max(1, round(width * scale)), max(1, round(height * scale / 2))
