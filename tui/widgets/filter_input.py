"""The filter line of a list: `/` opens it, the list follows the typing, enter or esc closes it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Label

_TYPING_PAUSE_S = 0.25
"""The list follows after so long a pause in typing, because every letter would cost a query."""


class FilterInput(Horizontal):
    DEFAULT_CSS = """
    FilterInput { height: 1; display: none; }
    FilterInput.open { display: block; }
    FilterInput Label { width: auto; text-style: bold; }
    FilterInput Input { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "remove", show=False)]

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The filter line is closed; the list gets the keys again."""

    _timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Label("/ ", markup=False)
        field = Input(compact=True, placeholder="words to search for; enter keeps the filter, esc removes it")
        field.cursor_blink = False
        yield field

    @property
    def field(self) -> Input:
        return self.query_one(Input)

    def open(self, text: str) -> None:
        self.add_class("open")
        with self.field.prevent(Input.Changed):
            self.field.value = text
        self.field.focus()

    def clear(self) -> None:
        with self.field.prevent(Input.Changed):
            self.field.value = ""

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_TYPING_PAUSE_S, self._post_text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._post_text()
        self._close()

    def action_remove(self) -> None:
        self.clear()
        self._post_text()
        self._close()

    def _post_text(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.post_message(self.Changed(" ".join(self.field.value.split())))

    def _close(self) -> None:
        self.remove_class("open")
        self.post_message(self.Closed())
