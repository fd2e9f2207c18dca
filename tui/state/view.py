"""One frozen view: the picture, with what the app itself knows beside it. All sections draw from it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.control.snapshot import Snapshot
from tui.state.status import EngineStatus


@dataclass(frozen=True)
class ActionResult:
    """The result of an action, in one sentence."""

    text: str
    good: bool = True


@dataclass(frozen=True)
class View:
    status: EngineStatus
    now: float
    """Unix time, s; when the picture came."""
    images_per_s: tuple[float, ...] = ()
    """Averages over history.SPAN_S, oldest first."""
    used_bytes: tuple[float, ...] = ()
    frozen_at: float | None = None
    """Unix time since when the picture is kept still by the person; None: it is live."""
    read_only: bool = False
    result: ActionResult | None = None
    """What is told just now, on whichever page is in sight."""

    @property
    def snapshot(self) -> Snapshot | None:
        return self.status.snapshot
