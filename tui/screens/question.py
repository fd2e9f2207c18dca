"""Two questions: yes or no, with No for whoever just presses enter; and a reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.widgets.lines import LABEL, STRONG, Lines, line
from tui.widgets.paper import wrapped

_WIDTH = 56


class _Choice(Lines, can_focus=True):
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


class Confirm(ModalScreen[bool]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape,q", "answer(False)", show=False),
        Binding("left,right,tab,shift+tab,h,l", "other", show=False),
        Binding("enter", "chosen", show=False),
    ]

    def __init__(self, question: str, facts: Sequence[str], yes: str) -> None:
        super().__init__()
        self._question = question
        self._facts = facts
        self._yes = yes

    def compose(self) -> ComposeResult:
        text = [line((self._question, STRONG)), line("")]
        text += [line((fact, "")) for fact in self._facts]
        body = [part for row in text for part in wrapped(row, _WIDTH)]
        with Vertical(id="dialog"):
            yield _Text([*body, line("")])
            yield _Choice(self._yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_other(self) -> None:
        choice = self.query_one(_Choice)
        choice.chosen = not choice.chosen
        choice.redraw()

    def action_chosen(self) -> None:
        self.dismiss(self.query_one(_Choice).chosen)


class Reason(ModalScreen[str | None]):
    """Returns the reason, or None when the person thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield _Text([*wrapped(line((self._question, STRONG)), _WIDTH), line("")])
            entry = Input(placeholder="why, for the record", id="reason", compact=True)
            entry.cursor_blink = False
            yield entry
            yield _Text([line(""), line(("enter accepts, esc leaves everything as it is", LABEL))])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        reason = " ".join(event.value.split())
        if reason:
            self.dismiss(reason)

    def action_cancel(self) -> None:
        self.dismiss(None)


class _Text(Lines):
    """Lines that never change."""

    def __init__(self, text: Sequence[Text]) -> None:
        super().__init__()
        self._text = text
        self.styles.height = len(text)

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return self._text
