"""Which actions are offered now, under which label, and which of them fit into the footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.control.snapshot import State
from tui.actions.registry import ALWAYS_SHOWN, Action, Precondition, Scope, actions_in, first_key
from tui.state.hosts import can_join
from tui.state.status import ConnectionState, EngineStatus, is_outside_hours

_ENDING = (State.DRAINING, State.STOPPED, State.FINISHED)
"""States of an engine that no longer takes these commands."""


def is_offered(action: Action, status: EngineStatus, *, read_only: bool) -> bool:
    """Whether the footer and the palette show the action now."""
    if action.changes and read_only:
        return False
    if action.requires is Precondition.ENGINE:
        return status.connection is ConnectionState.ENGINE
    if action.requires is Precondition.STAYING_ENGINE:
        return status.connection is ConnectionState.ENGINE and status.state not in _ENDING
    if action.requires is Precondition.HOSTS:
        return can_join(status.snapshot)
    if action.requires is Precondition.NO_ENGINE:
        totals = status.snapshot.totals if status.snapshot else None
        is_waiting = status.connection is ConnectionState.ENGINE and is_outside_hours(status.snapshot)
        return is_waiting or (
            status.connection is ConnectionState.LEDGER and bool(totals and totals.remaining)
        )
    return True


def label(action: Action, status: EngineStatus, *, frozen: bool = False) -> str:
    """The action's label now: `resume` in a pause, `go live` while frozen."""
    if action.id == "pause" and status.state is State.PAUSED:
        return "resume"
    if action.id == "freeze" and frozen:
        return "go live"
    return action.label


@dataclass(frozen=True)
class Hint:
    """A key and its label in the footer."""

    key: str
    label: str

    @property
    def columns(self) -> int:
        return cell_len(self.key) + 1 + cell_len(self.label)


HINT_GAP = 2
"""Columns between two hints."""


def footer_hints(
    scope: Scope, status: EngineStatus, columns: int, *, read_only: bool, frozen: bool = False
) -> list[Hint]:
    """As many whole hints as fit into `columns`, the most useful first; help and leave are always there, last."""
    wanted = sorted(
        (
            action
            for action in actions_in(scope)
            if action.rank and is_offered(action, status, read_only=read_only)
        ),
        key=lambda action: action.rank,
    )
    last = [_hint(action, status, frozen) for action in wanted if action.id in ALWAYS_SHOWN]
    room = columns - _columns(last) - HINT_GAP
    hints: list[Hint] = []
    for action in wanted:
        hint = _hint(action, status, frozen)
        if action.id not in ALWAYS_SHOWN and _columns([*hints, hint]) <= room:
            hints.append(hint)
    return hints + last


def _hint(action: Action, status: EngineStatus, frozen: bool) -> Hint:
    return Hint(first_key(action), action.short or label(action, status, frozen=frozen))


def _columns(hints: Sequence[Hint]) -> int:
    return sum(hint.columns for hint in hints) + HINT_GAP * max(0, len(hints) - 1)
