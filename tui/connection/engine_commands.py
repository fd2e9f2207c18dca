"""What a person asks of the engine, and the sentence that tells the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import formatting
from engine.control.snapshot import Hold
from tui.state.view import ActionResult


@dataclass(frozen=True)
class EngineCommand:
    """`command` is one of the engine's; START is the app's own."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    done: str = ""
    """The sentence when it was taken; `{count}` is the reply's count of images."""

    def result_of(self, reply: Mapping[str, Any]) -> ActionResult:
        """What the engine made of it, from its reply."""
        if self.name == WORKERS:
            return workers_reply(int(self.arguments["count"]), reply)
        if "{count}" not in self.done:
            return ActionResult(self.done)
        return ActionResult(
            self.done.replace("{count}", formatting.counted(int(reply.get("count", 0)), "image"))
        )


START = "start"
WORKERS = "workers"


def workers_reply(asked: int, reply: Mapping[str, Any]) -> ActionResult:
    """How many workers there will be, and where those are fewer than were asked for, why."""
    count = int(reply.get("count", asked))
    if count >= asked:
        return ActionResult(f"{formatting.counted(count, 'worker')} from now on.")
    why = {"memory": "there is no memory for more"}.get(
        str(reply.get("limited_by", "")), "the engine takes no more"
    )
    if count == reply.get("before"):
        return ActionResult(f"It stays at {formatting.counted(count, 'worker')}: {why}.", good=False)
    return ActionResult(
        f"{formatting.counted(count, 'worker')}, not {formatting.integer(asked)}: {why}.", good=False
    )


def pause() -> EngineCommand:
    return EngineCommand("pause", done="Paused: nothing new starts, what is in flight is finished.")


def resume(hold: Hold | None = None) -> EngineCommand:
    """`hold` is what keeps the engine from going on although nobody pauses it any more."""
    if hold is None:
        return EngineCommand("resume", done="Goes on.")
    return EngineCommand("resume", done=f"Resumed; it goes on when the hold ends: {hold.detail}")


def drain() -> EngineCommand:
    return EngineCommand("drain", done="Draining: the engine finishes what is in flight and leaves.")


def stop() -> EngineCommand:
    return EngineCommand("stop", done="Stopping: what was in flight starts over next time.")


def workers(count: int) -> EngineCommand:
    return EngineCommand(WORKERS, {"count": count})


def requeue(selection: Mapping[str, Any]) -> EngineCommand:
    """`selection` is engine.ledger's Selection as JSON."""
    return EngineCommand("requeue", {"selection": dict(selection)}, done="{count} sent round again.")


def accept(ids: Sequence[int], reason: str) -> EngineCommand:
    return EngineCommand("accept", {"ids": list(ids), "reason": reason}, done="{count} accepted.")


def start() -> EngineCommand:
    return EngineCommand(START, done="The engine has started.")
