"""What a person asks of the engine, and the sentence that tells the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui import words


@dataclass(frozen=True)
class Order:
    """`command` is one of the engine's; START is the app's own."""

    command: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    done: str = ""
    """The sentence when it was taken; `{count}` is the reply's count of images."""

    def told(self, reply: Mapping[str, Any]) -> str:
        if "{count}" not in self.done:
            return self.done
        return self.done.replace("{count}", words.counted(int(reply.get("count", 0)), "image"))


START = "start"


def pause() -> Order:
    return Order("pause", done="Paused: nothing new starts, what is in flight is finished.")


def resume() -> Order:
    return Order("resume", done="Goes on.")


def drain() -> Order:
    return Order("drain", done="Draining: the engine finishes what is in flight and leaves.")


def stop() -> Order:
    return Order("stop", done="Stopping: what was in flight starts over next time.")


def workers(count: int) -> Order:
    return Order("workers", {"count": count}, done=f"{words.counted(count, 'worker')} wanted.")


def requeue(selection: Mapping[str, Any]) -> Order:
    """`selection` is engine.ledger's Selection as JSON."""
    return Order("requeue", {"selection": dict(selection)}, done="{count} sent round again.")


def accept(ids: Sequence[int], reason: str) -> Order:
    return Order("accept", {"ids": list(ids), "reason": reason}, done="{count} accepted.")


def start() -> Order:
    return Order(START, done="The engine runs.")
