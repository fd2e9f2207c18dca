"""Two questions: yes or no, with No for whoever just presses enter; and a reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.terminal_text import ELLIPSIS, fit
from tui.widgets.line_widget import BAD, LABEL, STRONG, LineWidget, line
from tui.widgets.text_view import wrapped

_WIDTH = 60
"""Columns of a question's frame, where the terminal has them."""
_ROOMY = 14
"""Rows of a terminal from which a question has a frame and empty lines."""
ResultT = TypeVar("ResultT")


class _Text(LineWidget):
    """The question and its facts: as much as there is room for, what can be answered always stays in sight."""

    def __init__(self, question: str, facts: Sequence[str]) -> None:
        super().__init__(id="asked")
        self._paragraphs = [line((question, STRONG)), line(""), *(line(fact) for fact in facts)]
        self._fitted: Sequence[Text] = ()

    def fit(self, columns: int, rows: int, *, roomy: bool) -> None:
        paragraphs = [text for text in self._paragraphs if roomy or text.plain]
        text = [part for paragraph in paragraphs for part in wrapped(paragraph, columns)]
        if len(text) > rows:
            last = fit(text[rows - 1].plain.rstrip() + ELLIPSIS * 2, columns) if rows else ""
            text = [*text[: max(0, rows - 1)], line(last)]
        self._fitted = text
        self.styles.height = len(text)
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self._fitted


class _Note(LineWidget):
    """A line under what is to be filled in."""

    def __init__(self, text: str) -> None:
        super().__init__(id="note")
        self._text, self._style = text, LABEL

    def urge(self, text: str) -> None:
        self._text, self._style = text, BAD
        self.redraw()

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return [line((fit(self._text, columns), self._style))]


class _Choice(LineWidget, can_focus=True):
    """`No` and `Yes, …` side by side, one of them chosen."""

    def __init__(self, yes: str) -> None:
        super().__init__(id="choice")
        self.yes = yes
        self.chosen = False

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        marks = ("▸ ", "  ") if not self.chosen else ("  ", "▸ ")
        styles = ("bold reverse", "") if not self.chosen else ("", "bold reverse")
        return [
            line(
                marks[0],
                (" n  No ", styles[0]),
                "   ",
                marks[1],
                (f" y  Yes, {self.yes} ", styles[1]),
            )
        ]


class _Dialog(ModalScreen[ResultT]):
    """A frame in the middle, or on a low terminal the text alone."""

    BELOW: ClassVar[int]
    """LineWidget under the text."""

    def __init__(self, question: str, facts: Sequence[str] = ()) -> None:
        super().__init__()
        self._question = question
        self._facts = facts

    def on_resize(self) -> None:
        columns, rows = self.size
        roomy = rows >= _ROOMY
        self.set_class(not roomy, "low")
        inner = min(_WIDTH, columns) - (4 if roomy else 2)
        gap = 1 if roomy else 0
        room = rows - self.BELOW - gap - (2 if roomy else 0)
        self.query_one(_Text).fit(inner, max(1, room), roomy=roomy)


class ConfirmDialog(_Dialog[bool]):
    BELOW = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape,q", "answer(False)", show=False),
        Binding("left,right,tab,shift+tab,h,l", "other", show=False),
        Binding("enter", "chosen", show=False),
    ]

    def __init__(self, question: str, facts: Sequence[str], yes: str) -> None:
        super().__init__(question, facts)
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield _Text(self._question, self._facts)
            yield _Choice(self._yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_other(self) -> None:
        choice = self.query_one(_Choice)
        choice.chosen = not choice.chosen
        choice.redraw()

    def action_chosen(self) -> None:
        self.dismiss(self.query_one(_Choice).chosen)


class ReasonDialog(_Dialog[str | None]):
    """Returns the reason, or None when the person thought better of it."""

    BELOW = 2
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield _Text(self._question, self._facts)
            entry = Input(placeholder="why, for the record", id="reason", compact=True)
            entry.cursor_blink = False
            yield entry
            yield _Note("enter accepts, esc leaves everything as it is")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        reason = " ".join(event.value.split())
        if reason:
            self.dismiss(reason)
        else:
            self.query_one(_Note).urge("Say why first. esc: leave it as it is.")

    def action_cancel(self) -> None:
        self.dismiss(None)
