"""Which actions are offered now, what they are called, and which of them the footer has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.control.snapshot import State
from tui.actions.registry import ALWAYS, Action, Precondition, Scope, at, first_key
from tui.state.status import ConnectionState, EngineStatus

_LEAVING = (State.DRAINING, State.STOPPED, State.FINISHED)
"""An engine that will not take such orders any more."""


def offered(action: Action, status: EngineStatus, *, read_only: bool) -> bool:
    """Whether footer and palette should offer the action now."""
    if action.changes and read_only:
        return False
    if action.needs is Precondition.ENGINE:
        return status.connection is ConnectionState.ENGINE
    if action.needs is Precondition.STAYING_ENGINE:
        return status.connection is ConnectionState.ENGINE and status.state not in _LEAVING
    if action.needs is Precondition.NO_ENGINE:
        totals = status.snapshot.totals if status.snapshot else None
        return status.connection is ConnectionState.LEDGER and bool(totals and totals.remaining)
    return True


def label(action: Action, status: EngineStatus, *, frozen: bool = False) -> str:
    """What the action is called now: `resume` when paused, `go live` when frozen."""
    if action.id == "pause" and status.state is State.PAUSED:
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
    place: Scope, status: EngineStatus, columns: int, *, read_only: bool, frozen: bool = False
) -> list[Hint]:
    """As many hints as fit whole into `columns`, the most useful first, help and leave always last."""
    wanted = sorted(
        (action for action in at(place) if action.rank and offered(action, status, read_only=read_only)),
        key=lambda action: action.rank,
    )
    last = [_hint(action, status, frozen) for action in wanted if action.id in ALWAYS]
    room = columns - _columns(last)
    hints: list[Hint] = []
    for action in wanted:
        hint = _hint(action, status, frozen)
        if action.id in ALWAYS:
            continue
        if _columns([*hints, hint]) + SEPARATOR > room:
            continue
        hints.append(hint)
    return hints + last


def _hint(action: Action, status: EngineStatus, frozen: bool) -> Hint:
    return Hint(first_key(action), action.short or label(action, status, frozen=frozen))


def _columns(hints: Sequence[Hint]) -> int:
    return sum(hint.columns for hint in hints) + SEPARATOR * max(0, len(hints) - 1)
