"""A list of any length that holds only the rows near those in sight: it asks for pages when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from rich.text import Text
from textual.binding import BindingType
from textual.message import Message

from engine import formatting
from tui.actions.registry import Scope, widget_bindings
from tui.terminal.text import ELLIPSIS
from tui.widgets.line_widget import CURSOR, LABEL, STRONG, LineWidget, line

PAGE = 100
"""Rows fetched at once."""
_PAGES_KEPT = 12


class HasId(Protocol):
    @property
    def id(self) -> int: ...


RowT = TypeVar("RowT", bound=HasId)


@dataclass(frozen=True)
class RowRenderer(Generic[RowT]):
    """Draws the line of column heads, and a row; both for a width in columns."""

    head: Callable[[int], Text]
    row: Callable[[RowT, int], Text]


class PagedList(LineWidget, Generic[RowT], can_focus=True):
    """Rows come by `add_page`, after a `PageNeeded` message asked for them; until then their lines are empty."""

    BINDINGS: ClassVar[list[BindingType]] = widget_bindings(Scope.LIST)

    class PageNeeded(Message):
        """Rows from `page * PAGE` on are needed; `generation` marks the query, so that late answers can be dropped."""

        def __init__(self, generation: int, page: int) -> None:
            super().__init__()
            self.generation = generation
            self.page = page

    class RowOpened(Message):
        """Enter on a row."""

    class CursorMoved(Message):
        """Another row is under the cursor, or its row has been read."""

    def __init__(
        self, renderer: RowRenderer[RowT], *, id: str | None = None, empty: str = "Nothing."
    ) -> None:
        super().__init__(id=id)
        self.renderer = renderer
        self.total = 0
        self.generation = 0
        self.cursor = 0
        self.top = 0
        self.selected: set[int] = set()
        self.empty = empty
        self._pages: dict[int, Sequence[RowT]] = {}
        self._requested: set[int] = set()
        self._is_read = False
        self._anchor: int | None = None
        """The id that the cursor stays on when the rows are read again."""

    def reset(self, *, keep_place: bool = False) -> int:
        """Drops all rows, for another query or the same again; returns the new generation."""
        self.generation += 1
        self._anchor = self.current.id if keep_place and self.current is not None else None
        self._requested.clear()
        self._is_read = False
        if not keep_place:
            self._pages.clear()
            self.total = self.cursor = self.top = 0
        return self.generation

    def set_rows(self, generation: int, total: int, first: int, rows: Sequence[RowT]) -> None:
        """The answer to a query: the number of rows, and the page that starts at row `first`."""
        if generation != self.generation:
            return
        self.total = total
        self._pages = {first // PAGE: rows}
        self._is_read = True
        found = next((first + i for i, row in enumerate(rows) if row.id == self._anchor), self.cursor)
        self.top += found - self.cursor
        self.cursor = max(0, min(found, total - 1))
        self.redraw()
        self.post_message(self.CursorMoved())

    def add_page(self, generation: int, page: int, rows: Sequence[RowT]) -> None:
        if generation != self.generation:
            return
        self._requested.discard(page)
        self._pages[page] = rows
        while len(self._pages) > _PAGES_KEPT:
            here = self.top // PAGE
            self._pages.pop(max(self._pages, key=lambda number: abs(number - here)))
        self.redraw()
        self.post_message(self.CursorMoved())

    def at(self, index: int) -> RowT | None:
        rows = self._pages.get(index // PAGE)
        return rows[index % PAGE] if rows is not None and index % PAGE < len(rows) else None

    @property
    def current(self) -> RowT | None:
        return self.at(self.cursor)

    def toggle(self) -> None:
        """Selects or unselects the row under the cursor and moves to the next."""
        row = self.current
        if row is not None:
            self.selected ^= {row.id}
            self.action_move(1)
            self.redraw()

    @property
    def is_read(self) -> bool:
        """Whether the rows of this generation have come."""
        return self._is_read

    @property
    def position(self) -> str:
        """`12–29 of 47,312`."""
        if not self.total:
            return ""
        last = min(self.total, self.top + self._room)
        return f"{formatting.integer(self.top + 1)}–{formatting.integer(last)} of {formatting.integer(self.total)}"

    @property
    def _room(self) -> int:
        return max(1, self.size.height - 1)

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        room = max(1, rows - 1)
        self.top = max(0, min(self.top, self.cursor, self.total - room))
        if self.cursor >= self.top + room:
            self.top = self.cursor - room + 1
        inner = columns - 3
        head = line("  ", self.renderer.head(inner).plain)
        head.stylize(LABEL)
        drawn = [head]
        if not self.total:
            drawn.append(line((f"  {self.empty}" if self._is_read else "  …", LABEL)))
        thumb = self._thumb(room)
        for index in range(self.top, min(self.total, self.top + room)):
            mark = ELLIPSIS
            row = self.at(index)
            text = self.renderer.row(row, inner) if row is not None else Text("")
            mark = "●" if row is not None and row.id in self.selected else " "
            text = Text.assemble((mark, STRONG), " ", text, no_wrap=True, end="")
            text.truncate(columns - 1, pad=True)
            if index == self.cursor:
                text = Text(text.plain, style=CURSOR if self.has_focus else "underline", end="")
            text.append("┃" if index - self.top in thumb else " ", LABEL)
            drawn.append(text)
        self._request_pages(room)
        return drawn

    def _thumb(self, room: int) -> range:
        """The lines that the scroll mark covers; none if all rows are in sight."""
        if self.total <= room:
            return range(0)
        length = max(1, room * room // self.total)
        start = round((room - length) * self.top / (self.total - room))
        return range(start, start + length)

    def _request_pages(self, room: int) -> None:
        """Asks for the missing pages in sight, and for the next one before it comes into sight."""
        if not self._is_read:
            return
        first, last = self.top // PAGE, (self.top + room + PAGE // 2) // PAGE
        for page in range(first, last + 1):
            if page not in self._pages and page not in self._requested and page * PAGE < self.total:
                self._requested.add(page)
                self.post_message(self.PageNeeded(self.generation, page))

    def action_move(self, by: int) -> None:
        if self.total:
            self.cursor = max(0, min(self.total - 1, self.cursor + by))
            self.redraw()
            self.post_message(self.CursorMoved())

    def action_page(self, by: int) -> None:
        self.action_move(by * self._room)

    def action_jump(self, to: int) -> None:
        self.action_move(to * self.total)

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.RowOpened())

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()
