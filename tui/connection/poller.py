"""How the app gets the engine's status and sends commands: threads that ask, wait a bounded time, and post messages.

No thread touches a widget. The next status is requested only when the app has drawn the last one, so nothing piles
up while the terminal's connection stalls."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, cast

from msgspec import structs
from textual.message import Message

from engine.control.client import EngineClient, EngineSilent, NoEngine, running_engine
from engine.control.launch import OUTPUT_NAME, start_engine
from engine.control.offline import arrange_batches, engine_or_ledger, sign_off
from engine.control.requests import BatchRequest, LedgerRequest, Reply, Request, SignOffRequest
from engine.control.snapshot import State
from engine.failures import UserError
from engine.workspace import Workspace
from tui.connection.engine_commands import EngineCommand, StartEngine
from tui.connection.offline_ledger import OfflineLedger
from tui.state.status import ConnectionState, EngineStatus
from tui.state.view import ActionResult

PERIOD_S = 1.0
"""Between two requests."""
ANSWER_S = 3.0
"""An engine that takes longer to answer counts as disconnected."""
_LOG = logging.getLogger("photostat.poller")


class StatusArrived(Message):
    """A new status. Of several that wait to be handled only the last counts."""

    def __init__(self, status: EngineStatus) -> None:
        super().__init__()
        self.status = status

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StatusArrived)


class CommandAnswered(Message):
    """The engine's reply to a command, None if it was refused or lost, and the message for the person."""

    def __init__(self, command: EngineCommand, result: ActionResult, reply: Reply | None) -> None:
        super().__init__()
        self.command = command
        self.result = result
        self.reply = reply


Post = Callable[[Message], object]


class Poller(Protocol):
    def open(self, post: Post) -> None:
        """Start asking; `post` may be called from any thread."""

    def close(self) -> None:
        """Stop asking; returns at once."""

    def status_drawn(self) -> None:
        """The app has drawn the last status and can take another."""

    def send(self, command: EngineCommand) -> None:
        """Returns at once; the answer comes as CommandAnswered."""


class WorkspacePoller:
    """Asks the engine of a workspace, or reads its ledger if no engine runs."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ledger = OfflineLedger(workspace)
        self._client: EngineClient | None = None
        self._drawn = threading.Event()
        self._ask_now = threading.Event()
        self._closing = threading.Event()
        self._commands = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commands")
        self._decisions = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decisions")
        """About images; the engine may take long for one, and a pause does not wait for that."""
        self._orders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orders")
        """Orders about images take their time, and no other command waits for them."""
        self._thread: threading.Thread | None = None
        self._post: Post = lambda message: None

    def open(self, post: Post) -> None:
        self._post = post
        self._thread = threading.Thread(target=self._poll, name="status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._drawn.set()
        self._ask_now.set()
        for executor in (self._commands, self._orders):
            executor.shutdown(wait=False, cancel_futures=True)

    def status_drawn(self) -> None:
        self._drawn.set()

    def send(self, command: EngineCommand) -> None:
        executor = self._orders if isinstance(command.request, LedgerRequest) else self._commands
        executor.submit(self._run_command, command)

    def _poll(self) -> None:
        status = EngineStatus(since=time.time())
        while not self._closing.is_set():
            asked = time.monotonic()
            self._ask_now.clear()
            self._drawn.clear()
            try:
                status = self._ask(status)
            except Exception as error:  # noqa: BLE001 - else the last status would be shown as if it were current
                _LOG.error("the status could not be read", exc_info=error)
                status = replace(
                    status, connection=ConnectionState.LOST, since=time.time(), problem=_internal_error(error)
                )
            if self._closing.is_set():
                break
            self._post_message(StatusArrived(status))
            self._drawn.wait()
            self._ask_now.wait(max(0.0, PERIOD_S - (time.monotonic() - asked)))
        self._disconnect()
        self._ledger.close()

    def _ask(self, before: EngineStatus) -> EngineStatus:
        """From the engine; else the last status, marked as lost; or from the ledger if no engine runs."""
        now = time.time()
        try:
            if self._client is None:
                self._client = EngineClient.connect(self._workspace, timeout_s=ANSWER_S)
            snapshot = self._client.snapshot()
        except (NoEngine, UserError) as error:
            was_connected = self._client is not None
            self._disconnect()
            return self._without_engine(before, error, now, was_connected=was_connected)
        since = before.since if before.connection is ConnectionState.ENGINE else now
        return EngineStatus(
            ConnectionState.ENGINE,
            snapshot,
            since,
            events=self._ledger.events(),
            notable=self._ledger.events(notable=True),
            record=self._ledger.record(),
        )

    def _without_engine(
        self, before: EngineStatus, error: Exception, now: float, *, was_connected: bool
    ) -> EngineStatus:
        timed_out = isinstance(error, EngineSilent) or isinstance(error.__cause__, TimeoutError)
        silent = timed_out or not isinstance(error, NoEngine)
        ending = before.state in (State.FINISHED, State.STOPPED, State.DRAINING)
        if silent or (was_connected and not ending):
            since = before.since if before.connection is ConnectionState.LOST else now
            last = before if before.snapshot is not None else self._ledger.status()
            return replace(last, connection=ConnectionState.LOST, since=since, problem=sentence(str(error)))
        since = before.since if before.connection is ConnectionState.LEDGER else now
        status = _with_elapsed(self._ledger.status(), before)
        ended = status.snapshot.ended if status.snapshot else None
        known = self._ended_unexpectedly(ended) if ended else ""
        return replace(
            status, connection=ConnectionState.LEDGER, since=since, problem=status.problem or known
        )

    def _ended_unexpectedly(self, why: str) -> str:
        output = self._workspace.logs_dir / OUTPUT_NAME
        return sentence(f"The engine ended unexpectedly: {why} ({output} may say more)")

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _run_command(self, command: EngineCommand) -> None:
        """Sends a command on a connection of its own, so that the status never waits for it."""
        try:
            reply = self._reply_to(command)
            answer = CommandAnswered(command, command.result_of(reply), reply)
        except (NoEngine, UserError, OSError, sqlite3.Error) as error:
            answer = CommandAnswered(command, ActionResult(sentence(str(error)), good=False), None)
        except Exception as error:  # noqa: BLE001 - else the person would not learn that it failed
            _LOG.error("a command could not be sent", exc_info=error)
            answer = CommandAnswered(command, ActionResult(_internal_error(error), good=False), None)
        self._post_message(answer)
        self._ask_now.set()

    def _reply_to(self, command: EngineCommand) -> Reply:
        request = command.request
        if isinstance(request, StartEngine):
            start_engine(self._workspace)
            return Reply()
        if isinstance(request, LedgerRequest):
            with engine_or_ledger(self._workspace, command.name, ANSWER_S, self._check_open) as carry_out:
                return carry_out(request)
        if isinstance(request, BatchRequest):
            return arrange_batches(self._workspace, "batches", request, ANSWER_S)
        if isinstance(request, SignOffRequest):
            return sign_off(self._workspace, "review", cast(Request[Reply], request), ANSWER_S)
        client = running_engine(self._workspace, ANSWER_S)
        if client is None:
            raise UserError("no engine is running here: s starts it")
        with client:
            reply: Reply = client.ask(request)
            return reply

    def _check_open(self, seen: int, images: int) -> None:
        """While an order is in hand: an app that closes does not wait for its end."""
        if self._closing.is_set():
            raise UserError("the app closes; the engine goes on with the order")

    def _post_message(self, message: Message) -> None:
        with contextlib.suppress(RuntimeError):  # the app has just ended, and its loop with it
            self._post(message)


def _with_elapsed(status: EngineStatus, before: EngineStatus) -> EngineStatus:
    """With the duration of the run that has just finished, which only the engine's last status has."""
    if status.snapshot is None or before.snapshot is None or status.state is not State.FINISHED:
        return status
    elapsed_s = before.snapshot.elapsed_seconds
    return replace(status, snapshot=structs.replace(status.snapshot, elapsed_seconds=elapsed_s))


def _internal_error(error: Exception) -> str:
    return sentence(f"internal error of the app: {type(error).__name__}: {error}")


def sentence(text: str) -> str:
    """The text as one line that starts with a capital and ends with a full stop."""
    text = " ".join(text.split()) or "Something failed without a message"
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."
