"""What people are told by notification while the engine runs; a process of its own sends it (`engine/notify/`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from engine import __version__
from engine.config import NotifySettings
from engine.control.snapshot import Hold, State
from engine.failures import system_error_text
from engine.ledger.account import Account
from engine.ledger.states import EventKind
from engine.notify.hold_notices import HoldNotices
from engine.notify.morning import is_due
from engine.notify.process import NotifyProcess
from engine.notify.protocol import HeldFor, Hello, Notice, Occasion, address_of, not_taken
from engine.processes.child import describe_exit
from engine.supervisor.event_log import EventLog
from engine.workspace import Workspace

_START_AGAIN_AFTER_S = 60.0
"""The process that notifies, if something has ended it."""
_NEXT = "The run goes on, and an event says when it takes them again. `photostat notify --test` tries every address"


class RunNow(Struct, frozen=True):
    """What a notification says of the run."""

    state: State
    account: Account


class Notifier:
    def __init__(
        self,
        settings: NotifySettings,
        workspace: Workspace,
        events: EventLog,
        batches: tuple[str, ...] | None,
        pid: int,
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._events = events
        self._hello = Hello(settings.urls, str(workspace.root), pid, __version__, time.time(), batches)
        self._process: NotifyProcess | None = None
        self._ended_at = 0.0
        self._holds = HoldNotices()
        self._under_way = 0
        self._not_taking: set[int] = set()
        """Addresses, by number."""
        self._told_morning = datetime.now()

    @property
    def is_wanted(self) -> bool:
        return bool(self._settings.urls)

    def start(self) -> None:
        """Raises UserError if an address is not understood."""
        if self.is_wanted:
            self._begin()
        if self._process is not None:
            self._process.wait_until_ready()

    def notify(self, occasion: Occasion, text: str, now: RunNow, hold: Hold | None = None) -> None:
        """Does not wait. What cannot be sent is an event."""
        if not self.is_wanted:
            return
        about = HeldFor(hold.reason, hold.detail, hold.since) if hold else None
        notice = Notice(occasion, text, now.state, time.time(), now.account, about)
        if self._process is None or self._process.exit_code is not None:
            self._begin()
        if self._process is not None and self._process.tell(notice):
            self._under_way += len(self._settings.urls)
        else:
            message = f"a notification ({occasion}) could not be given to the process that sends it"
            self._events.warning(EventKind.ENGINE, message)

    def look(self, hold: Hold | None, run: Callable[[], RunNow]) -> None:
        """At every turn: are people to be told of a hold or the morning, and does everything arrive?"""
        if not self.is_wanted:
            return
        self._holds, to_tell = self._holds.look(hold, time.monotonic())
        if to_tell is not None:
            self.notify(to_tell.occasion, to_tell.text, run(), to_tell.hold)
        moment = datetime.now()
        if is_due(self._settings.morning, self._told_morning, moment):
            self._told_morning, now = moment, run()
            self.notify(Occasion.MORNING, f"{now.state}: {now.account.summary()}", now)
        self.listen()
        self._keep_it_there()

    def listen(self) -> None:
        """What the process says becomes events: when an address ceases to take messages, and when it does again."""
        for report in self._process.reports() if self._process else ():
            self._under_way -= report.is_last
            if report.problem and report.number not in self._not_taking:
                self._not_taking.add(report.number)
                self._events.warning(EventKind.ENGINE, f"{not_taken(report)}. {_NEXT}")
            elif not report.problem and report.number in self._not_taking:
                self._not_taking.discard(report.number)
                self._events.info(EventKind.ENGINE, f"{address_of(report)} takes notifications again")

    @property
    def is_sending(self) -> bool:
        """Whether an address has not taken, and not refused for good, what it was sent."""
        return self._process is not None and self._under_way > 0

    def close(self) -> None:
        """The engine ends as it should. Waits for the last messages, in bounded time; the ledger need not be open."""
        if self._process is not None:
            self._process.close()

    def _keep_it_there(self) -> None:
        process, now = self._process, time.monotonic()
        if process is not None:
            if (code := process.exit_code) is None:
                return
            message = f"the process that notifies {describe_exit(code)}, and is started again in a minute"
            self._events.warning(EventKind.ENGINE, message, pid=process.pid)
            self._process, self._ended_at, self._under_way = None, now, 0
        elif now - self._ended_at >= _START_AGAIN_AFTER_S:
            self._ended_at = now
            self._begin()

    def _begin(self) -> None:
        try:
            self._process = NotifyProcess(self._hello, self._workspace.logs_dir)
        except OSError as error:
            message = (
                f"the process that notifies cannot be started: {system_error_text(error)}; it is tried again"
            )
            self._events.warning(EventKind.ENGINE, message)
