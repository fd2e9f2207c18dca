"""What people order over the socket: each is done at once and answered with what it will mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.failures import UserError
from engine.ledger.selection import Selection
from engine.picture import take_picture
from engine.stages.run import Wish

if TYPE_CHECKING:
    from engine.supervisor import Supervisor

_MOST_WORKERS = 256


class Orders:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._commands: dict[str, Callable[..., dict[str, Any]]] = {
            "snapshot": self._snapshot,
            "pause": self._pause,
            "resume": self._resume,
            "drain": self._drain,
            "stop": self._stop,
            "workers": self._workers,
            "requeue": self._requeue,
            "requeue_missing": self._requeue_missing,
            "accept": self._accept,
        }

    def answer(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The reply's fields; raises UserError to refuse."""
        if command not in self._commands:
            raise UserError(f"unknown command {command!r}")
        reply = self._commands[command](**arguments)
        self._supervisor.run_context.happened.set()
        return reply

    def _snapshot(self) -> dict[str, Any]:
        return {"snapshot": take_picture(self._supervisor).to_json()}

    def _pause(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._wish(Wish.PAUSE, "paused by a person")
        return {"in_flight": len(self._supervisor.converting.slots.running)}

    def _resume(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._supervisor.run_context.gates.look_now(time.monotonic())
        self._wish(Wish.RUN, "resumed by a person")
        return {}

    def _drain(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._wish(Wish.DRAIN, "draining: finishing what is in flight, then leaving")
        return {"in_flight": len(self._supervisor.converting.slots.running)}

    def _stop(self) -> dict[str, Any]:
        supervisor = self._supervisor
        self._wish(Wish.STOP, "stopped by a person")
        in_flight = len(supervisor.converting.slots.running)
        return {"in_flight": in_flight, "on_scratch": supervisor.storing.waiting}

    def _workers(self, count: int) -> dict[str, Any]:
        if not isinstance(count, int) or not 1 <= count <= _MOST_WORKERS:
            raise UserError(f"workers: a number from 1 to {_MOST_WORKERS}, not {count!r}")
        slots = self._supervisor.converting.slots
        count = self._supervisor.dispatch.affordable(count)
        before, slots.wanted = slots.wanted, count
        self._supervisor.run_context.journal.info("engine", f"workers: {before} to {count}")
        return {"before": before, "count": count}

    def _requeue(self, selection: dict[str, Any]) -> dict[str, Any]:
        count = self._supervisor.run_context.ledger.requeue(Selection.from_json(selection))
        self._supervisor.run_context.journal.info("requeue", f"{count} images sent round again")
        return {"count": count}

    def _requeue_missing(self, ids: list[int]) -> dict[str, Any]:
        count = self._supervisor.run_context.ledger.convert_again(ids, "missing in the store")
        self._supervisor.run_context.journal.info(
            "requeue", f"{count} images missing in the store sent round again"
        )
        return {"count": count}

    def _accept(self, ids: list[int], reason: str) -> dict[str, Any]:
        count = self._supervisor.run_context.ledger.accept(ids, reason)
        self._supervisor.run_context.journal.info("accept", f"{count} images accepted: {reason}")
        return {"count": count}

    def _wish(self, wish: Wish, what: str) -> None:
        if self._supervisor.wish is not wish:
            self._supervisor.wish = wish
            self._supervisor.run_context.journal.info("engine", what)

    def _refuse_when_leaving(self) -> None:
        if self._supervisor.wish in (Wish.DRAIN, Wish.STOP):
            raise UserError("the engine is leaving: start it again with `photostat run`")
