"""Which actions are offered now, what they are called, and which of them the footer has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.control.snapshot import State
from tui.actions.registry import ALWAYS, Action, Needs, Place, at, first_key
from tui.state.status import Contact, Picture

_LEAVING = (State.DRAINING, State.STOPPED, State.FINISHED)
"""An engine that will not take such orders any more."""


def offered(action: Action, picture: Picture, *, read_only: bool) -> bool:
    """Whether footer and palette should offer the action now."""
    if action.changes and read_only:
        return False
    if action.needs is Needs.ENGINE:
        return picture.contact is Contact.ENGINE
    if action.needs is Needs.STAYING_ENGINE:
        return picture.contact is Contact.ENGINE and picture.state not in _LEAVING
    if action.needs is Needs.NO_ENGINE:
        totals = picture.snapshot.totals if picture.snapshot else None
        return picture.contact is Contact.LEDGER and bool(totals and totals.remaining)
    return True


def label(action: Action, picture: Picture, *, frozen: bool = False) -> str:
    """What the action is called now: `resume` when paused, `go live` when frozen."""
    if action.id == "pause" and picture.state is State.PAUSED:
        return "resume"
    if action.id == "freeze" and frozen:
        return "go live"
    return action.label


@dataclass(frozen=True)
class Hint:
    """A key and what it does, for the footer."""

    key: str
    label: str

    @property
    def columns(self) -> int:
        return cell_len(self.key) + 1 + cell_len(self.label)


SEPARATOR = 2
"""Columns between two hints."""


def footer(
    place: Place, picture: Picture, columns: int, *, read_only: bool, frozen: bool = False
) -> list[Hint]:
    """As many hints as fit whole into `columns`, the most useful first, help and leave always last."""
    wanted = sorted(
        (action for action in at(place) if action.rank and offered(action, picture, read_only=read_only)),
        key=lambda action: action.rank,
    )
    last = [_hint(action, picture, frozen) for action in wanted if action.id in ALWAYS]
    room = columns - _columns(last)
    hints: list[Hint] = []
    for action in wanted:
        hint = _hint(action, picture, frozen)
        if action.id in ALWAYS:
            continue
        if _columns([*hints, hint]) + SEPARATOR > room:
            continue
        hints.append(hint)
    return hints + last


def _hint(action: Action, picture: Picture, frozen: bool) -> Hint:
    return Hint(first_key(action), action.short or label(action, picture, frozen=frozen))


def _columns(hints: Sequence[Hint]) -> int:
    return sum(hint.columns for hint in hints) + SEPARATOR * max(0, len(hints) - 1)
