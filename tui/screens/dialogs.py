"""Two dialogs: a question with No as the default answer, and a question for a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from engine import formatting
from tui.terminal.text import ELLIPSIS, Keep, fit
from tui.widgets.line_widget import BAD, LABEL, STRONG, LineWidget, line
from tui.widgets.text_view import wrapped

_WIDTH = 60
"""Columns of a dialog's frame, if the terminal has as many."""
_ROOMY_ROWS = 14
"""Rows of a terminal from which a dialog has a frame and empty lines."""
QUESTIONS = "question"
"""The group of the workers that ask a person something."""
ResultT = TypeVar("ResultT")


class DialogText(LineWidget):
    """The question and its facts, cut to the room that the answers leave."""

    def __init__(self, question: str, facts: Sequence[str]) -> None:
        super().__init__(id="text")
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


class _Hint(LineWidget):
    """A line under the input field."""

    def __init__(self, text: str) -> None:
        super().__init__(id="hint")
        self._text, self._style = text, LABEL

    def show_error(self, text: str) -> None:
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


class Dialog(ModalScreen[ResultT]):
    """A frame in the middle of the screen; on a low terminal the text alone."""

    ROWS_BELOW: ClassVar[int]
    """Lines under the text."""

    def __init__(self, question: str, facts: Sequence[str] = ()) -> None:
        super().__init__()
        self._question = question
        self._facts = facts

    def on_resize(self) -> None:
        columns, rows = self.size
        roomy = rows >= _ROOMY_ROWS
        self.set_class(not roomy, "low")
        inner = min(_WIDTH, columns) - (4 if roomy else 2)
        gap = 1 if roomy else 0
        room = rows - self.ROWS_BELOW - gap - (2 if roomy else 0)
        self.query_one(DialogText).fit(inner, max(1, room), roomy=roomy)


class ConfirmDialog(Dialog[bool]):
    ROWS_BELOW = 1
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
            yield DialogText(self._question, self._facts)
            yield _Choice(self._yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_other(self) -> None:
        choice = self.query_one(_Choice)
        choice.chosen = not choice.chosen
        choice.redraw()

    def action_chosen(self) -> None:
        self.dismiss(self.query_one(_Choice).chosen)


class ReasonDialog(Dialog[str | None]):
    """Returns the reason; None if the person cancels."""

    ROWS_BELOW = 2
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]
    MAY_BE_EMPTY: ClassVar[bool] = False
    PLACEHOLDER: ClassVar[str] = "the reason; it is recorded"

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield DialogText(self._question, self._facts)
            field = Input(placeholder=self.PLACEHOLDER, id="reason", compact=True)
            field.cursor_blink = False
            yield field
            yield _Hint("enter accepts, esc cancels")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        reason = " ".join(event.value.split())
        if reason or self.MAY_BE_EMPTY:
            self.dismiss(reason)
        else:
            self.query_one(_Hint).show_error("Give a reason first; esc cancels.")

    def action_cancel(self) -> None:
        self.dismiss(None)


def accept_question(count: int, name: str = "") -> str:
    """`name` names the image if there is only one."""
    if count != 1:
        return f"Accept {formatting.counted(count, 'image')} as they are, without JPEGs?"
    return f"Accept {fit(name, 40, Keep.BOTH) or '1 image'} as it is, without a JPEG?"
