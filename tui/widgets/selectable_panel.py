"""A panel with a cursor: the arrow keys move it, enter opens its row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.message import Message

from tui.actions.registry import Scope, widget_bindings
from tui.state.view import View
from tui.widgets.line_widget import CURSOR
from tui.widgets.panel import Panel


class SelectablePanel(Panel, can_focus=True):
    """Subclasses name their rows by keys and draw each; the cursor stays on its key when the rows change."""

    BINDINGS: ClassVar[list[BindingType]] = widget_bindings(Scope.DASHBOARD)

    cursor: str | None = None
    """The key of the row under the cursor; None is the first row."""

    class RowOpened(Message):
        """Enter on a row."""

        def __init__(self, panel: SelectablePanel, key: str) -> None:
            super().__init__()
            self.panel = panel
            self.key = key

        @property
        def control(self) -> SelectablePanel:
            return self.panel

    def keys(self, view: View) -> list[str]:
        raise NotImplementedError

    def head(self, view: View, columns: int, shown: int, count: int) -> Text:
        """The panel's first line; `shown` of `count` rows fit."""
        raise NotImplementedError

    def row(self, view: View, key: str, columns: int) -> Text:
        raise NotImplementedError

    def empty_row(self, view: View) -> Text:
        """The line that is shown if there are no rows."""
        raise NotImplementedError

    def place(self, keys: Sequence[str]) -> int:
        """Where the cursor is in rows that are not none; if its row is gone, the first."""
        return keys.index(self.cursor) if self.cursor in keys else 0

    def heading_of(self, key: str) -> str | None:
        """The key of the row under which this one stands; it is shown first while it is scrolled out of sight."""
        return None

    def last_of(self, keys: Sequence[str], at: int) -> int:
        """The last of the rows that are to be in sight with this one, if they fit."""
        return at

    def draw(self, view: View, columns: int, rows: int) -> Sequence[Text]:
        keys = self.keys(view)
        room = rows - 1
        head = self.head(view, columns, min(room, len(keys)), len(keys))
        if not keys:
            return [head, self.empty_row(view)]
        at = self.place(keys)
        end = min(self.last_of(keys, at), at + max(0, room - 1))
        top = max(0, min(end - room + 1, len(keys) - room)) if room else 0
        shown = keys[top : top + room]
        if shown and at > top and (heading := self.heading_of(shown[0])) is not None:
            shown[0] = heading
        drawn = []
        for number, key in enumerate(shown, top):
            text = self.row(view, key, columns)
            if self.has_focus and number == at:
                text = Text(text.plain, style=CURSOR, end="")
            drawn.append(text)
        return [head, *drawn]

    def action_move(self, by: int) -> None:
        keys = self.keys(self.view) if self.view else []
        if keys:
            self.cursor = keys[max(0, min(len(keys) - 1, self.place(keys) + by))]
            self.redraw()

    def action_jump(self, to: int) -> None:
        self.action_move(to * len(self.keys(self.view)) if self.view else 0)

    @property
    def current(self) -> str | None:
        """The key of the row under the cursor; None if there are no rows."""
        keys = self.keys(self.view) if self.view else []
        if not keys:
            return None
        return keys[self.place(keys)]

    def action_open(self) -> None:
        if (key := self.current) is not None:
            self.post_message(self.RowOpened(self, key))

    def watch_has_focus(self, has_focus: bool) -> None:
        """Only the panel that has the keys shows its cursor, from the moment that it has them."""
        super().watch_has_focus(has_focus)
        self.redraw()
