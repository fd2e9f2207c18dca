"""Source and JPEG side by side, small; in words what cannot be drawn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical

from engine.formatting import integer
from engine.renditions.request import NoRendition, Rendition
from tui.terminal.encoding import terminal_has
from tui.terminal.pictures import (
    FEWER_COLOURS,
    HALF_BLOCK,
    NoPicture,
    PictureWay,
    cell_pixels,
    graphics_widget,
    half_blocks,
    reduced,
    way_to_draw,
)
from tui.widgets.line_widget import LABEL, STRONG, LineWidget, line
from tui.widgets.text_view import wrapped

if TYPE_CHECKING:
    from PIL.Image import Image

BYTES_A_SCREEN = 13_500
"""For both pictures on a terminal of 80x24, so that a slow connection carries them at once; more on a larger one."""
_MOST_BYTES = 200_000
_BYTES_A_FURTHER_CELL = 18
_CELLS = 80 * 24
LONGEST_SIDE = 360
"""Pixels of a rendition: more than half blocks show, and little to send as sixel."""
_NOTE_ROWS = 3
_DRAWING = "drawing it …"


class PicturePane(Vertical):
    """One picture under its title."""

    def __init__(self, label: str) -> None:
        super().__init__(classes="picture")
        self._label = label

    def compose(self) -> ComposeResult:
        yield PictureTitle(self._label)
        yield PictureBlocks()

    def show(self, made: Rendition | NoRendition | None, way: PictureWay, beside: PictureBlocks) -> None:
        """None while it is being made. `beside` is the other one."""
        self.query_one(PictureTitle).show(made)
        self.clear()
        blocks = self.query_one(PictureBlocks)
        cell = cell_pixels() if way is not PictureWay.BLOCKS else None
        if cell is None or not isinstance(made, Rendition):
            blocks.show(made, beside)
            return
        room = self.size.height - 1 - (_NOTE_ROWS if made.note else 0)
        across, down = _cells_of(made, self.size.width - 1, max(1, room), cell)
        drawn = graphics_widget(way, image_of(made), cell, self._write)
        drawn.add_class("graphics")
        drawn.styles.width, drawn.styles.height = across, down
        self.mount(drawn, before=blocks)
        blocks.show(NoRendition(made.note))

    def clear(self) -> None:
        """Takes pixels off the terminal, which keeps them otherwise."""
        for drawn in self.query(".graphics"):
            drawn.image = None  # type: ignore[attr-defined]
            drawn.remove()

    def _write(self, text: str) -> None:
        """In its turn with all else that is drawn."""
        if self.app._driver is not None:
            self.app._driver.write(text)


class PictureTitle(LineWidget):
    _facts = ""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def show(self, made: Rendition | NoRendition | None) -> None:
        self._facts = ""
        if isinstance(made, Rendition):
            self._facts = f"{integer(made.full_width)} × {integer(made.full_height)}"
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return [line((self._label, STRONG), "  ", (self._facts, LABEL))]


class PictureBlocks(LineWidget):
    """Half blocks, or words. It draws when there is something new or another size, and not otherwise."""

    _made: Rendition | NoRendition | None = None
    _is_alone = False
    """Has all the bytes, because there is no other picture."""
    _like: PictureBlocks | None = None
    """A picture that was there before, and is as large."""

    def show(self, made: Rendition | NoRendition | None, beside: PictureBlocks | None = None) -> None:
        self._made = made
        other = beside._made if beside is not None else None
        self._is_alone = isinstance(other, NoRendition)
        self._like = beside if isinstance(other, Rendition) else None
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        if self._made is None:
            return [line((_DRAWING, LABEL))]
        if isinstance(self._made, NoRendition):
            return wrapped(line(self._made.why), columns - 1)
        few = self._reduced(self._made, columns, rows)
        drawn = [] if few is None else half_blocks(few, few.width, few.height // 2)
        return [
            *(Text.assemble(*((part.text, part.style or "") for part in parts), end="") for parts in drawn),
            *_note(self._made, columns, rows),
        ]

    def _reduced(self, made: Rendition, columns: int, rows: int) -> Image | None:
        across, down = columns - 1, rows - len(_note(made, columns, rows))
        size = self.app.size
        most = most_bytes(size.width * size.height) // (1 if self._is_alone else 2)
        colour_system = "truecolor" if self.app.console.color_system == "truecolor" else "256"
        like = self._like._drawn() if self._like is not None else None
        halves = terminal_has(HALF_BLOCK)
        if like is None:
            return reduced(image_of(made), across, down, most, colour_system, halves=halves)
        across, down = min(across, like.width), min(down, like.height // 2)
        return reduced(image_of(made), across, down, most, colour_system, FEWER_COLOURS, halves=halves)

    def _drawn(self) -> Image | None:
        made = self._made
        return self._reduced(made, self.size.width, self.size.height) if isinstance(made, Rendition) else None


def _note(made: Rendition, columns: int, rows: int) -> list[Text]:
    return wrapped(line((made.note, LABEL)), columns - 1)[: max(1, rows // 3)] if made.note else []


def most_bytes(cells: int) -> int:
    """What both pictures may cost on a terminal of so many cells."""
    return min(_MOST_BYTES, BYTES_A_SCREEN + _BYTES_A_FURTHER_CELL * max(0, cells - _CELLS))


def way_here(app: App[Any]) -> PictureWay | NoPicture:
    """How pictures are drawn on the app's terminal; why they cannot be."""
    return way_to_draw(
        os.environ,
        app.console.color_system,
        no_color=app.no_color,
        knows_pixels=cell_pixels() is not None,
    )


def image_of(made: Rendition) -> Image:
    """Its pixels; they are not decoded here."""
    from PIL import Image  # here, because commands and most pages do without

    return Image.frombytes("RGB", (made.width, made.height), made.rgb)


def _cells_of(made: Rendition, columns: int, rows: int, cell: tuple[int, int]) -> tuple[int, int]:
    """As large as there is room for, and no larger than it is."""
    width, height = cell
    scale = min(1.0, columns * width / made.width, rows * height / made.height)
    return max(1, int(made.width * scale / width)), max(1, int(made.height * scale / height))


class Pictures(Horizontal):
    """The two of an image."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False

    def compose(self) -> ComposeResult:
        yield PicturePane("Source")
        yield PicturePane("JPEG")

    def show(self, index: int, made: Rendition | NoRendition | None, way: PictureWay) -> None:
        """The source is 0, the JPEG 1. What is shown first is as large as it can be, and the other is as large."""
        beside = self.query(PictureBlocks)[1 - index]
        self.query(PicturePane)[index].show(made, way, beside)

    def clear(self) -> None:
        for pane in self.query(PicturePane):
            pane.clear()
