"""A poller that gives the app any status and records the commands it gets; for tests, and for looking at the app.

python -m tests.support.fake_poller running
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from engine.control.requests import (
    Accept,
    ApprovalReply,
    Approve,
    BatchesReply,
    CountReply,
    Drain,
    DrainHost,
    ForgetHost,
    GiveVerdicts,
    HoldBatch,
    HostReply,
    InFlightReply,
    MoveBatch,
    Pause,
    ReleaseBatch,
    Reply,
    Requeue,
    SetWorkers,
    Skip,
    SkipReply,
    Stop,
    StopReply,
    VerdictsReply,
    WithdrawApproval,
    WorkersReply,
)
from engine.control.snapshot import Snapshot
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import VerdictsTaken
from engine.workspace import Workspace
from tests.support.cluster_statuses import CLUSTERS, many_hosts
from tests.support.statuses import NOW, STATUSES, running
from tui.app import PhotostatApp
from tui.connection.engine_commands import EngineCommand
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import CommandAnswered, Post, StatusArrived
from tui.state.status import ConnectionState, EngineStatus
from tui.state.view import ActionResult
from tui.terminal.tty import HangUpWatch


def obeyed(command: EngineCommand) -> Reply:
    """The reply of an engine that does what it is asked to do."""
    match command.request:
        case DrainHost(host) | ForgetHost(host):
            return HostReply(host=host, changed=True, is_there=True, in_flight=0, waiting=0)
        case SetWorkers(count):
            return WorkersReply(before=count, count=count)
        case Requeue() | Accept():
            return CountReply(count=1)
        case GiveVerdicts(verdicts):
            return VerdictsReply(taken=VerdictsTaken(tuple(one.image for one in verdicts)))
        case Approve() | WithdrawApproval():
            return ApprovalReply(recorded=True)
        case MoveBatch() | HoldBatch() | ReleaseBatch():
            return BatchesReply(changed=True, batches=running().batches)
        case Pause() | Drain():
            return InFlightReply(in_flight=0)
        case Skip(image):
            return SkipReply(image=image, name="a.jpg", worker=1, pid=4712)
        case Stop():
            return StopReply(in_flight=0, on_scratch=0)
    return Reply()


class FakePoller:
    """Gives the app `status` when opened, and another by `show`; answers every command with what `reply` returns."""

    def __init__(self, status: EngineStatus) -> None:
        self.status = status
        self.sent: list[EngineCommand] = []
        self.drawn = 0
        """How many statuses the app has drawn."""
        self.reply: Callable[[EngineCommand], Reply | str] = obeyed
        """What the engine answers; a text if it refuses or does not answer."""
        self.closed = False
        self.log: Path | None = None
        """Gets a line for every command."""
        self._post: Post = lambda message: None

    def open(self, post: Post) -> None:
        self._post = post
        post(StatusArrived(self.status))

    def show(self, status: EngineStatus) -> None:
        self.status = status
        self._post(StatusArrived(status))

    def close(self) -> None:
        self.closed = True

    def status_drawn(self) -> None:
        self.drawn += 1

    def send(self, command: EngineCommand) -> None:
        self.sent.append(command)
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{command.request}\n")
        self.answer(command)

    def answer(self, command: EngineCommand) -> None:
        reply = self.reply(command)
        if isinstance(reply, str):
            self._post(CommandAnswered(command, ActionResult(reply, good=False), None))
        else:
            self._post(CommandAnswered(command, command.result_of(reply), reply))


class SteadyPoller(FakePoller):
    """A run that advances: another status every `period_s`, once the last is drawn, as from an engine."""

    def __init__(
        self,
        status: EngineStatus,
        period_s: float = 1.0,
        at: Callable[[int], Snapshot] = lambda tick: running(tick=tick),
    ) -> None:
        """`at` is the run after so many ticks."""
        super().__init__(status)
        self._at = at
        self._period_s = period_s
        self._closing = threading.Event()
        self._has_drawn = threading.Event()

    def open(self, post: Post) -> None:
        super().open(post)
        threading.Thread(target=self._advance, daemon=True).start()

    def _advance(self) -> None:
        began, tick = time.time(), 0
        while not self._closing.wait(self._period_s):
            self._has_drawn.wait()
            self._has_drawn.clear()
            if self.status.connection is not ConnectionState.ENGINE:
                return
            tick += 1
            self.show(replace(self.status, snapshot=structs.replace(self._at(tick), time=began + tick)))

    def status_drawn(self) -> None:
        super().status_drawn()
        self._has_drawn.set()

    def close(self) -> None:
        super().close()
        self._closing.set()
        self._has_drawn.set()


def main() -> None:
    """Runs the app on one status, or on a run that advances: `steady`, `steady-hosts` (64 of them), `flood` (without a
    pause), `ending` (rings).

    A third argument names a file that gets a line for every command that the app sends."""
    name = sys.argv[1] if len(sys.argv) > 1 else "steady"
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
    moving = {"steady": 1.0, "steady-hosts": 1.0, "flood": 0.01, "ending": 1.0}
    several = name == "steady-hosts"
    first = "many-hosts" if several else "running" if name in moving else name
    status = (STATUSES | CLUSTERS)[first]()
    at = (lambda tick: many_hosts(tick=tick)) if several else (lambda tick: running(tick=tick))
    poller = SteadyPoller(status, moving[name], at) if name in moving else FakePoller(status)
    if len(sys.argv) > 3:
        poller.log = Path(sys.argv[3])
    if name == "ending":
        threading.Timer(3.0, lambda: poller.show(STATUSES["finished"]())).start()
    app = PhotostatApp(
        poller,
        LedgerThread(lambda: LedgerReader(Workspace(root))),
        bell=name == "ending",
        clock=time.time if name in moving else lambda: NOW,
    )
    with HangUpWatch():
        app.run(mouse=False)
    if app.crash is not None:
        raise app.crash


if __name__ == "__main__":
    main()
