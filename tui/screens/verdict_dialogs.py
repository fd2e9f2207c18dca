"""What a person says of a delivered image or of a batch: which of a few things, and a reason or a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key

from engine.formatting import counted, date_and_time, integer
from engine.ledger.models import ImageRow
from engine.ledger.verdicts import Standing
from tui.screens.dialogs import Dialog, DialogText, ReasonDialog
from tui.widgets.line_widget import LineWidget, line


class Opinion(Enum):
    FINE = auto()
    NOT_FINE = auto()
    NONE = auto()
    """The verdict is taken back."""
    APPROVE = auto()
    WITHDRAW = auto()


@dataclass(frozen=True)
class Choice:
    key: str
    label: str
    opinion: Opinion


class _Choices(LineWidget, can_focus=True):
    """The keys and what they say, side by side."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__(id="choice")
        self._choices = choices

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        keys = [(choice.key, choice.label) for choice in self._choices] + [("esc", "cancel")]
        parts = [part for key, label in keys for part in ((f" {key} ", "reverse"), f" {label}   ")]
        return [line(*parts)]


class OpinionDialog(Dialog[Opinion | None]):
    """Returns what the person says; None if they cancel."""

    ROWS_BELOW = 1
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "cancel", show=False)]

    def __init__(self, question: str, facts: Sequence[str], choices: Sequence[Choice]) -> None:
        super().__init__(question, facts)
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield DialogText(self._question, self._facts)
            yield _Choices(self._choices)

    def on_key(self, event: Key) -> None:
        for choice in self._choices:
            if choice.key == event.key:
                event.stop()
                self.dismiss(choice.opinion)

    def action_cancel(self) -> None:
        self.dismiss(None)


class NoteDialog(ReasonDialog):
    """Returns the note, which may be empty; None if the person cancels."""

    MAY_BE_EMPTY = True
    PLACEHOLDER = "a note, if there is something to say"


def verdict_dialog(image: ImageRow, name: str) -> OpinionDialog:
    facts = []
    choices = [Choice("f", "fine", Opinion.FINE), Choice("n", "not fine", Opinion.NOT_FINE)]
    if image.verdict is not None:
        said = image.verdict.replace("-", " ") + (f": {image.verdict_why}" if image.verdict_why else "")
        facts.append(f"{image.verdict_by} said on {date_and_time(image.verdict_at or 0)}: {said}.")
        choices.append(Choice("w", "take it back", Opinion.NONE))
    return OpinionDialog(f"Is the JPEG of {name} fine?", facts, choices)


def approval_dialog(standing: Standing) -> OpinionDialog:
    choices = [Choice("a", "approve", Opinion.APPROVE)]
    if standing.approval is not None:
        choices.append(Choice("w", "withdraw", Opinion.WITHDRAW))
    although = f" although it has {standing.open_items}" if standing.open_items else ""
    return OpinionDialog(f"Approve {standing.batch}{although}?", standing_facts(standing), choices)


def standing_facts(standing: Standing) -> list[str]:
    rows = counted(standing.account.rows, "image")
    facts = [
        f"{rows}, {integer(standing.account.done)} done. Verdicts: {integer(standing.fine)} fine, "
        f"{integer(standing.not_fine)} not fine."
    ]
    if standing.approval is not None:
        approval = standing.approval
        since = (
            f", changed since ({counted(standing.changed_since, 'change')})" if standing.changed_since else ""
        )
        facts.append(f"Approved by {approval.person} on {date_and_time(approval.given)}{since}.")
    return [*facts, f"`photostat review {standing.batch}` makes a page with a sample of it."]
