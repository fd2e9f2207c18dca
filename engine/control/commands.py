"""What people order over the socket: each is done at once and answered with what it will mean."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.config import MOST_WORKERS
from engine.control.snapshot import HoldReason
from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.ledger.filters import Selection
from engine.supervisor.context import DesiredState
from engine.supervisor.status import take_picture

if TYPE_CHECKING:
    from engine.supervisor.loop import Supervisor


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
        """The reply's fields; raises UserError to refuse, and then nothing was done."""
        if command not in self._commands:
            raise UserError(f"unknown command {one_line(command)!r}")
        carry_out = self._commands[command]
        try:
            inspect.signature(carry_out).bind(**arguments)
        except TypeError as error:
            raise UserError(f"{command}: {error}") from error
        reply = carry_out(**arguments)
        self._supervisor.run_context.happened.set()
        return reply

    def _snapshot(self) -> dict[str, Any]:
        return {"snapshot": take_picture(self._supervisor).to_json()}

    def _pause(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._set_desired(DesiredState.PAUSE, "paused by a person")
        return {"in_flight": self._supervisor.converting.in_flight}

    def _resume(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._supervisor.run_context.holds.probe_now(time.monotonic())
        self._set_desired(DesiredState.RUN, "resumed by a person")
        return {}

    def _drain(self) -> dict[str, Any]:
        self._refuse_when_leaving()
        self._set_desired(DesiredState.DRAIN, "draining: finishing what is in flight, then leaving")
        return {"in_flight": self._supervisor.converting.in_flight}

    def _stop(self) -> dict[str, Any]:
        supervisor = self._supervisor
        self._set_desired(DesiredState.STOP, "stopped by a person")
        in_flight = supervisor.converting.in_flight
        return {"in_flight": in_flight, "on_scratch": supervisor.storing.waiting}

    def _workers(self, count: int) -> dict[str, Any]:
        """`limited_by` is in the reply only where the count is less than was asked for."""
        if not _is_number(count) or not 1 <= count <= MOST_WORKERS:
            raise UserError(f"workers: a number from 1 to {MOST_WORKERS}, not {one_line(repr(count))}")
        before, now = self._supervisor.want_workers(count)
        limit = f" instead of {count}: memory allows no more" if now < count else ""
        self._supervisor.run_context.journal.info("engine", f"workers: {before} to {now}{limit}")
        reply: dict[str, Any] = {"before": before, "count": now}
        return reply | {"limited_by": HoldReason.MEMORY.value} if now < count else reply

    def _requeue(self, selection: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(selection, dict):
            raise UserError("requeue: the selection is a JSON object")
        chosen = Selection.from_json(selection)
        for text in (chosen.batch, chosen.cause, chosen.text):
            _check_text("requeue", text or "")
        count = self._supervisor.run_context.ledger.requeue(chosen)
        self._supervisor.run_context.journal.info("requeue", f"{counted(count, 'image')} sent round again")
        return {"count": count}

    def _requeue_missing(self, ids: list[int]) -> dict[str, Any]:
        _check_ids("requeue_missing", ids)
        count = self._supervisor.run_context.ledger.convert_again(ids, "missing in the store")
        self._supervisor.run_context.journal.info(
            "requeue", f"{counted(count, 'image')} missing in the store sent round again"
        )
        return {"count": count}

    def _accept(self, ids: list[int], reason: str) -> dict[str, Any]:
        _check_ids("accept", ids)
        _check_text("accept", reason)
        reason = one_line(reason)
        count = self._supervisor.run_context.ledger.accept(ids, reason)
        self._supervisor.run_context.journal.info("accept", f"{counted(count, 'image')} accepted: {reason}")
        return {"count": count}

    def _set_desired(self, desired: DesiredState, what: str) -> None:
        if self._supervisor.desired is not desired:
            self._supervisor.desired = desired
            self._supervisor.run_context.journal.info("engine", what)

    def _refuse_when_leaving(self) -> None:
        if self._supervisor.desired in (DesiredState.DRAIN, DesiredState.STOP):
            raise UserError("the engine is leaving: start it again with `photostat run`")


def _is_number(given: object) -> bool:
    """JSON's true is Python's 1; here it is not."""
    return isinstance(given, int) and not isinstance(given, bool)


def _check_ids(command: str, ids: object) -> None:
    if not isinstance(ids, list) or not all(_is_number(number) for number in ids):
        raise UserError(f"{command}: ids is an array of whole numbers")


def _check_text(command: str, text: object) -> None:
    """Only what can be written into the ledger: JSON can spell halves of characters, which are no text."""
    if not isinstance(text, str):
        raise UserError(f"{command}: a text, not {one_line(repr(text))[:80]}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{command}: not a text: {error.reason}") from error
