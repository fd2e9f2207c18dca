"""The view: the engine's status and what the app itself knows. Everything on the screen is drawn from it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.control.snapshot import Snapshot, State
from tui.state.status import EngineStatus


@dataclass(frozen=True)
class ActionResult:
    """The result of an action, in one sentence."""

    text: str
    good: bool = True
    true_in: frozenset[State] = frozenset()
    """The states of the engine in which it stays true. Without any, it leaves with the state in which it was said."""


@dataclass(frozen=True)
class View:
    status: EngineStatus
    now: float
    """Unix time at which the status came, s."""
    frozen_at: float | None = None
    """Unix time at which the person froze the display, s; None: it is live."""
    read_only: bool = False
    result: ActionResult | None = None
    """The message that is shown now, on whichever screen is in sight."""

    @property
    def snapshot(self) -> Snapshot | None:
        return self.status.snapshot
