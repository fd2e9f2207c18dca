"""How pictures arrive and orders leave: threads that ask the engine, wait a bounded time, and post messages.

No thread touches a widget. At most one picture is under way: the next is asked for only when the app has drawn
the last, so on a link that stalls the app waits and nothing piles up."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from msgspec import structs
from textual.message import Message

from engine.control.client import EngineClient, EngineSilent, NoEngine, running_engine
from engine.control.launch import start_engine
from engine.control.offline import engine_or_ledger
from engine.control.requests import LedgerRequest, Reply
from engine.control.snapshot import State
from engine.failures import UserError
from engine.workspace import Workspace
from tui.connection.engine_commands import EngineCommand, StartEngine
from tui.connection.offline_ledger import OfflineLedger
from tui.state import history
from tui.state.status import ConnectionState, EngineStatus
from tui.state.view import ActionResult

PERIOD_S = 1.0
"""Between two pictures."""
ANSWER_S = 3.0
"""How long the engine may take to answer before it counts as disconnected."""
_LOG = logging.getLogger("photostat.link")
_FELL = "The engine has ended without a word (its logs may say why); nothing that is done is lost."


class StatusArrived(Message):
    """A new picture. Several that wait are as good as the last."""

    def __init__(self, status: EngineStatus) -> None:
        super().__init__()
        self.status = status

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StatusArrived)


class CommandAnswered(Message):
    """What became of an order: the reply, None where it was refused or lost, and how to say that."""

    def __init__(self, command: EngineCommand, result: ActionResult, reply: Reply | None) -> None:
        super().__init__()
        self.command = command
        self.result = result
        self.reply = reply


Post = Callable[[Message], object]


class Poller(Protocol):
    def open(self, post: Post) -> None:
        """Begin; `post` may be called from any thread."""

    def close(self) -> None:
        """Ask nothing more; returns at once."""

    def drawn(self) -> None:
        """The app has drawn the last picture and can take another."""

    def send(self, command: EngineCommand) -> None:
        """Returns at once; an `CommandAnswered` comes."""


class WorkspacePoller:
    """The engine of a workspace, or where none runs its ledger."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ledger = OfflineLedger(workspace)
        self._client: EngineClient | None = None
        self._drawn = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._errands = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orders")
        self._thread: threading.Thread | None = None
        self._post: Post = lambda message: None

    def open(self, post: Post) -> None:
        self._post = post
        self._thread = threading.Thread(target=self._watch, name="pictures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._drawn.set()
        self._hurry.set()
        self._errands.shutdown(wait=False, cancel_futures=True)

    def drawn(self) -> None:
        self._drawn.set()

    def send(self, command: EngineCommand) -> None:
        self._errands.submit(self._run_errand, command)

    def _watch(self) -> None:
        status = EngineStatus(since=time.time())
        while not self._closing.is_set():
            asked = time.monotonic()
            self._hurry.clear()
            self._drawn.clear()
            try:
                status = self._ask(status)
            except Exception as error:  # noqa: BLE001 - else the last picture would stand there as if it were true
                _LOG.error("no picture could be had", exc_info=error)
                status = replace(
                    status, connection=ConnectionState.LOST, since=time.time(), fault=_fault(error)
                )
            if self._closing.is_set():
                break
            self._post_message(StatusArrived(status))
            self._drawn.wait()
            self._hurry.wait(max(0.0, PERIOD_S - (time.monotonic() - asked)))
        self._hang_up()
        self._ledger.close()

    def _ask(self, before: EngineStatus) -> EngineStatus:
        """The engine's snapshot; if it cannot be had, the last one as lost, or the ledger's own when none runs."""
        now = time.time()
        try:
            if self._client is None:
                self._client = EngineClient.connect(self._workspace, timeout_s=ANSWER_S)
            snapshot = self._client.snapshot()
        except (NoEngine, UserError) as error:
            was_connected = self._client is not None
            self._hang_up()
            return self._without_engine(before, error, now, was_connected=was_connected)
        first = before.connection is ConnectionState.WAITING
        converted = self._ledger.conversions(now - history.SPAN_S * history.KEPT) if first else ()
        since = before.since if before.connection is ConnectionState.ENGINE else now
        return EngineStatus(
            ConnectionState.ENGINE, snapshot, since, events=self._ledger.events(), converted=converted
        )

    def _without_engine(
        self, before: EngineStatus, error: Exception, now: float, *, was_connected: bool
    ) -> EngineStatus:
        waited = isinstance(error, EngineSilent) or isinstance(error.__cause__, TimeoutError)
        silent = waited or not isinstance(error, NoEngine)
        leaves = before.state in (State.FINISHED, State.STOPPED, State.DRAINING)
        if silent or (was_connected and not leaves):
            since = before.since if before.connection is ConnectionState.LOST else now
            last = before if before.snapshot is not None else self._ledger.status()
            return replace(last, connection=ConnectionState.LOST, since=since, fault=sentence(str(error)))
        if before.connection is ConnectionState.LEDGER:
            fault, since = before.fault, before.since
        else:
            fell = before.connection is ConnectionState.LOST and not leaves
            fault, since = (_FELL if fell else ""), now
        status = _with_elapsed(self._ledger.status(), before)
        return replace(status, connection=ConnectionState.LEDGER, since=since, fault=status.fault or fault)

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _run_errand(self, command: EngineCommand) -> None:
        """An order on a connection of its own, so that pictures never wait for it."""
        try:
            reply = self._carry_out(command)
            answer = CommandAnswered(command, command.result_of(reply), reply)
        except (NoEngine, UserError, OSError, sqlite3.Error) as error:
            answer = CommandAnswered(command, ActionResult(sentence(str(error)), good=False), None)
        except Exception as error:  # noqa: BLE001 - else nobody would hear that it was not done
            _LOG.error("an order could not be given", exc_info=error)
            answer = CommandAnswered(command, ActionResult(_fault(error), good=False), None)
        self._post_message(answer)
        self._hurry.set()

    def _carry_out(self, command: EngineCommand) -> Reply:
        request = command.request
        if isinstance(request, StartEngine):
            start_engine(self._workspace)
            return Reply()
        if isinstance(request, LedgerRequest):
            with engine_or_ledger(self._workspace, command.name, ANSWER_S) as carry_out:
                return carry_out(request)
        client = running_engine(self._workspace, ANSWER_S)
        if client is None:
            raise UserError("no engine runs here: s starts it")
        with client:
            reply: Reply = client.ask(request)
            return reply

    def _post_message(self, message: Message) -> None:
        with contextlib.suppress(RuntimeError):  # the app has left this moment, and its loop with it
            self._post(message)


def _with_elapsed(status: EngineStatus, before: EngineStatus) -> EngineStatus:
    """The ledger does not know how long the run took that has just finished; the last picture does."""
    if status.snapshot is None or before.snapshot is None or status.state is not State.FINISHED:
        return status
    elapsed_s = before.snapshot.elapsed_seconds
    return replace(status, snapshot=structs.replace(status.snapshot, elapsed_seconds=elapsed_s))


def _fault(error: Exception) -> str:
    return sentence(f"a fault of the app: {type(error).__name__}: {error}")


def sentence(text: str) -> str:
    """One line that starts with a capital and ends with a full stop."""
    text = " ".join(text.split()) or "Something failed and did not say what"
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
