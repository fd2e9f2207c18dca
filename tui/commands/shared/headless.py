"""`run --headless`: a progress bar until the engine ends.

Ctrl-C drains the engine that this command has started, a second Ctrl-C stops it. At an engine that was running before,
Ctrl-C ends the watching."""

from __future__ import annotations

import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from engine.control.client import EngineClient, EngineSilent, NoEngine, Refused
from engine.control.launch import OUTPUT_NAME
from engine.control.requests import Drain, Stop
from engine.control.snapshot import Snapshot, State
from engine.control.without_engine import why_ended
from engine.formatting import per_minute, visible
from engine.ledger.account import Account
from engine.ledger.lock import find_holder
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.account import print_account
from tui.commands.shared.engine import draining
from tui.commands.shared.output import warn
from tui.state.eta import time_left
from tui.state.steady_facts import survey_words

_POLL_S = 0.5
_NARROWEST_BAR = 4
_LINE_EVERY_S = 30.0
_ANSWER_TIMEOUT_S = 10.0
_END_TIMEOUT_S = 15.0


@dataclass
class _Interrupts:
    """How many times Ctrl-C or SIGTERM came, and for how many of them the engine got a command."""

    received: int = 0
    sent: int = 0


class _Unwatched(Exception):
    """Ctrl-C, at an engine that is not this command's."""

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"Not watching any more. The engine (pid {pid}) keeps running: "
            "`photostat` shows it, `photostat drain` ends it."
        )


def watch_headless(workspace: Workspace, own: int | None) -> int:
    """Shows the run until its engine ends; 0 when every image is done or accepted, 1 otherwise.

    `own` is the process of the engine that this command has started, which Ctrl-C drains. Waits for an engine that
    does not answer. Ctrl-C then raises EngineSilent, because nobody takes the command."""
    try:
        last = _watch(workspace, own)
    except _Unwatched as unwatched:
        warn(str(unwatched))
        return _exit_code(workspace, None)
    _wait_until_it_has_ended(workspace)
    return _conclude(workspace, last)


def _watch(workspace: Workspace, own: int | None) -> Snapshot | None:
    """The last snapshot. Raises EngineSilent and _Unwatched."""
    console = Console(stderr=True, highlight=False)
    last: Snapshot | None = None
    waiting = False
    with _counted_interrupts() as interrupts:
        while True:
            try:
                with EngineClient.connect(workspace, timeout_s=_ANSWER_TIMEOUT_S) as client:
                    waiting = False
                    last = _follow(client, console, interrupts, own) or last
            except EngineSilent as silent:
                if interrupts.received > interrupts.sent:
                    if silent.holder.pid != own:
                        raise _Unwatched(silent.holder.pid) from silent
                    raise
                if not waiting:
                    console.print(visible(f"{silent}. Waiting for it."), markup=False, soft_wrap=True)
                waiting = True
            except NoEngine:  # it ended between two looks: the ledger has the result
                return last
            if _is_over(last):
                return last
            time.sleep(_POLL_S / 10)


def _is_over(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and snapshot.state in (State.FINISHED, State.STOPPED)


def _wait_until_it_has_ended(workspace: Workspace) -> None:
    """Then the next command finds the ledger unlocked."""
    deadline = time.monotonic() + _END_TIMEOUT_S
    while find_holder(workspace.lock_path) is not None and time.monotonic() < deadline:
        time.sleep(_POLL_S / 10)


def _follow(
    client: EngineClient, console: Console, interrupts: _Interrupts, own: int | None
) -> Snapshot | None:
    """Shows snapshots until the run is over or the connection ends; returns the last.

    Raises EngineSilent and _Unwatched."""
    snapshot: Snapshot | None = None
    view = _Bar(console) if console.is_terminal else _Lines(console)
    with view:
        while True:
            try:
                if interrupts.received > interrupts.sent and client.pid != own:
                    raise _Unwatched(client.pid)
                _send_interrupts(client, interrupts, console)
                snapshot = client.snapshot()
            except EngineSilent:
                raise
            except NoEngine:
                return snapshot
            view.show(snapshot)
            if _is_over(snapshot):
                return snapshot
            time.sleep(_POLL_S)


def _send_interrupts(client: EngineClient, interrupts: _Interrupts, console: Console) -> None:
    while interrupts.sent < interrupts.received:
        try:
            if interrupts.sent == 0:
                text = draining(client.ask(Drain()).in_flight)
                console.print(
                    f"{text} Ctrl-C again stops at once; nothing is lost.", markup=False, soft_wrap=True
                )
            else:
                client.ask(Stop())
                console.print("Stopping at once: what is in flight goes back to pending.", markup=False)
        except Refused as refusal:
            console.print(visible(str(refusal)), markup=False)
        interrupts.sent += 1


@contextmanager
def _counted_interrupts() -> Iterator[_Interrupts]:
    interrupts = _Interrupts()

    def count(_signal: int, _frame: object) -> None:
        interrupts.received += 1

    before = {signum: signal.signal(signum, count) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class _Bar:
    """On a terminal: a bar that is redrawn in place. The counts are never cut; words that do not fit are wrapped."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = BarColumn()
        self._progress = Progress(
            TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=False)),
            self._bar,
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[rest]}", markup=False, table_column=Column(no_wrap=False)),
            console=console,
            refresh_per_second=2,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, snapshot: Snapshot) -> None:
        account = of_this_run(snapshot)
        ended = account.done_or_accepted
        state, rest = state_words(snapshot), _rest(snapshot)
        others = len(f"{state} {account.rows}/{account.rows} {rest} ")
        self._bar.bar_width = max(_NARROWEST_BAR, self._console.width - others)
        if self._task is None:
            self._task = self._progress.add_task("", total=account.rows, state=state, rest=rest)
        self._progress.update(self._task, total=account.rows, completed=ended, state=state, rest=rest)


class _Lines:
    """Into a file or pipe: a line when the state changes, and every half minute."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state: str | None = None
        self._due = 0.0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, snapshot: Snapshot) -> None:
        state = state_words(snapshot)
        if state == self._state and time.monotonic() < self._due:
            return
        self._state, self._due = state, time.monotonic() + _LINE_EVERY_S
        account = of_this_run(snapshot)
        ended = account.done_or_accepted
        self._console.print(Text(f"{state}: {ended} of {account.rows}, {_rest(snapshot)}"), soft_wrap=True)


def of_this_run(snapshot: Snapshot) -> Account:
    """The account of the batches that this run converts."""
    return sum((batch.account for batch in snapshot.batches if batch.selected), Account())


def state_words(snapshot: Snapshot) -> str:
    """`running`, or `holding (store): …` with what happened."""
    if snapshot.state is State.HOLDING and snapshot.hold is not None:
        return visible(f"holding ({snapshot.hold.reason}): {snapshot.hold.detail}")
    return snapshot.state.value


def _rest(snapshot: Snapshot) -> str:
    parts = [
        f"{of_this_run(snapshot).failed} failed",
        f"{per_minute(snapshot.rates_now.images_per_s)} images/min",
    ]
    if words := survey_words(snapshot.survey):
        parts.append(words)
    if snapshot.eta_seconds is not None and snapshot.state is State.RUNNING:
        parts.append(f"{time_left(snapshot)} to go")
    return ", ".join(parts)


def _conclude(workspace: Workspace, last: Snapshot | None) -> int:
    selected = {batch.name for batch in last.batches if batch.selected} if last else None
    print_account(workspace, selected)
    if last is not None and last.state not in (State.FINISHED, State.STOPPED, State.DRAINING):
        text = "The engine ended before its work was done; nothing is lost, and `photostat run` continues."
        why = why_ended(workspace)
        warn(f"{text} {f'Why: {why}' if why else f'{workspace.logs_dir / OUTPUT_NAME} may have the reason.'}")
    return _exit_code(workspace, selected)


def _exit_code(workspace: Workspace, batches: Collection[str] | None) -> int:
    """0 when every image of these batches (None: all) is done or accepted."""
    with LedgerReader(workspace) as reader:
        accounts = reader.account()
    ended = [account for name, account in accounts.items() if batches is None or name in batches]
    left = sum(account.remaining for account in ended)
    failed = sum(account.failed for account in ended)
    return 1 if left or failed else 0
