"""The commands that a person sends to the engine, and the sentence that says what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine import formatting
from engine.control.requests import (
    Accept,
    CountReply,
    Drain,
    Pause,
    Reply,
    Request,
    Requeue,
    Resume,
    SetWorkers,
    Stop,
    WorkersReply,
)
from engine.control.snapshot import Hold, HoldReason
from engine.ledger.filters import Selection
from tui.state.view import ActionResult


@dataclass(frozen=True)
class StartEngine:
    """Starts an engine; the app does this itself."""


@dataclass(frozen=True)
class EngineCommand:
    request: Request[Any] | StartEngine
    done_text: str = ""
    """The sentence when it was carried out; `{count}` is the reply's count of images."""

    @property
    def name(self) -> str:
        """The command of photostat that does the same."""
        return "run" if isinstance(self.request, StartEngine) else self.request.name()

    def result_of(self, reply: Reply) -> ActionResult:
        """The message for the person, from the engine's reply."""
        match self.request, reply:
            case SetWorkers(), WorkersReply():
                return _workers_result(self.request.count, reply)
            case _, CountReply():
                return ActionResult(
                    self.done_text.replace("{count}", formatting.counted(reply.count, "image"))
                )
        return ActionResult(self.done_text)


_LIMITS: dict[HoldReason | None, str] = {HoldReason.MEMORY: "there is no memory for more"}


def _workers_result(asked: int, reply: WorkersReply) -> ActionResult:
    """How many workers there will be, and why if these are fewer than asked for."""
    workers = formatting.counted(reply.count, "worker")
    if reply.count >= asked:
        return ActionResult(f"{workers} from now on.")
    why = _LIMITS.get(reply.limited_by, "the engine takes no more")
    if reply.count == reply.before:
        return ActionResult(f"Still {workers}: {why}.", good=False)
    return ActionResult(f"{workers}, not {formatting.integer(asked)}: {why}.", good=False)


def pause() -> EngineCommand:
    return EngineCommand(Pause(), "Paused: nothing new starts, what is in flight finishes.")


def resume(hold: Hold | None = None) -> EngineCommand:
    """`hold` is the hold that lasts although the pause ends."""
    if hold is None:
        return EngineCommand(Resume(), "Resumed.")
    return EngineCommand(
        Resume(), f"Resumed; the engine continues by itself when the hold ends: {hold.detail}"
    )


def drain() -> EngineCommand:
    return EngineCommand(Drain(), "Draining: the engine finishes what is in flight and ends.")


def stop() -> EngineCommand:
    return EngineCommand(Stop(), "Stopping: what was in flight starts over next time.")


def set_workers(count: int) -> EngineCommand:
    return EngineCommand(SetWorkers(count))


def requeue(selection: Selection) -> EngineCommand:
    return EngineCommand(Requeue(selection), "{count} requeued.")


def accept(ids: Sequence[int], reason: str) -> EngineCommand:
    return EngineCommand(Accept(tuple(ids), reason), "{count} accepted.")


def start() -> EngineCommand:
    return EngineCommand(StartEngine(), "The engine has started.")
