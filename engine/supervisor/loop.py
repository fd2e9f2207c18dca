"""The supervisor: one loop that owns the ledger, the child processes and the socket, and waits for nobody.

At every turn it waits until a child or a client has sent something, or a quarter of a second has passed. Then, in one
transaction of the ledger, it takes what the children have sent, updates the holds, checks the workers, and gives out
work: sources to survey, images to convert, JPEGs to upload. After the commit it removes the scratch files that are not
needed any more, and does a slice of what people have ordered about many images. While the ledger cannot be written, it
takes nothing and gives out nothing. It ends when every image is finished, or when a person wants it to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import __version__
from engine.config import Config
from engine.control.commands import Commands, DesiredState
from engine.control.recent import SPAN_S, SPANS_KEPT, Rest
from engine.control.server import ControlServer
from engine.control.snapshot import Pause, State
from engine.failures import UserError, one_line
from engine.formatting import clock
from engine.hosts.local import LocalHost
from engine.ledger.models import PendingImage
from engine.ledger.reader import LedgerReader
from engine.ledger.runs import Ending
from engine.ledger.states import EventKind, EventLevel
from engine.notify.protocol import Occasion
from engine.supervisor.candidates import Candidates
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.disk_checks import check_log
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.event_log import EventLog, RunLogFile
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.host_orders import HostOrders
from engine.supervisor.ledger_turns import LedgerTurns
from engine.supervisor.notifications import Notifier, RunNow
from engine.supervisor.ordered_holds import OrderedHolds
from engine.supervisor.orders import Orders
from engine.supervisor.progress import Progress
from engine.supervisor.recent_spans import RecentSpans
from engine.supervisor.run_recorder import RunRecorder, engine_died
from engine.supervisor.status import Measured
from engine.supervisor.steering import Steering
from engine.supervisor.surveying import Surveying
from engine.supervisor.takeover import check_scratch, take_over
from engine.supervisor.volumes import Volumes, volume_paths
from engine.supervisor.working_hours import WorkingHours
from engine.workspace import Workspace

if TYPE_CHECKING:
    from engine.supervisor.joining import Joining

_TICK_S = 0.25
_TOGETHER_S = 0.004
"""Turns begin no closer to one another: what comes in between is taken together, and costs one turn."""
_PASSES = 5
"""Of the event loop between two turns, also if the next is due at once: to answer a client takes a few."""
_LINGER_S = 1.5
"""A finished engine stays so long for clients that ask once a second, so that they see the end."""

_RESTS = {State.PAUSED: Rest.PAUSED, State.HOLDING: Rest.HOLDING}


@dataclass(frozen=True)
class RunOptions:
    batches: tuple[str, ...] | None = None
    """None is every batch."""
    workers: int | None = None
    """None is what the settings have."""
    pause: Pause | None = None
    """Of the engine before, which this one keeps."""
    outside_hours_until: float | None = None
    """The same, of a person's word to work outside the hours; Unix time, s."""


class Supervisor:
    def __init__(
        self, workspace: Workspace, config: Config, ledger: EngineLedger, options: RunOptions
    ) -> None:
        self._log_file = RunLogFile(workspace.logs_dir)
        self._run = RunContext(
            workspace,
            config,
            ledger,
            EventLog(ledger, self._log_file),
            options.batches,
        )
        self._turns = LedgerTurns(self._run)
        self._began = started = time.monotonic()
        """When the last turn did."""
        self._progress = Progress(started)
        self._volumes = Volumes(volume_paths(workspace, config))
        self._recent = RecentSpans()
        measured = Measured(started, self._progress, self._recent, self._volumes)
        here = self._this_machine()
        self._surveying = Surveying(here)
        workers = config.workers_here(options.workers, here.host.cores)
        self._run.gpus.may_add_workers = not options.workers and not config.engine.workers
        candidates = Candidates(self._to_convert)
        self._crews = Crews(here, workers, candidates, self._progress, self._surveying.diagnose)
        self._here = self._crews.here
        self._host_orders = HostOrders(self._run, self._crews)
        self._joining = self._joining_of_hosts()
        self._ordered_holds = OrderedHolds(self._run, here.hung_images)
        self._hours = WorkingHours(self._run, options.outside_hours_until)
        self._orders = Orders(self._run, self._surveying.forget)
        self.steering = Steering(
            self._run,
            self._crews,
            self._surveying,
            measured,
            self._hours,
            pause=options.pause,
            workers=workers,
            host_orders=self._host_orders,
        )
        self._notifier = Notifier(config.notify, workspace, self._run.events, options.batches, os.getpid())
        self._recorder = RunRecorder(ledger)
        commands = Commands(self.steering, ledger, self._run.events)
        self._control = ControlServer(workspace.socket_path, commands.answer)

    def _joining_of_hosts(self) -> Joining | None:
        if not self._run.config.cluster.lets_others_join:
            return None
        from engine.supervisor.joining import Joining  # which imports Dask, if hosts may join

        return Joining(self._run, self._crews, self._host_orders)

    def _this_machine(self) -> HostContext:
        run, settings = self._run, self._run.config
        host = LocalHost(
            run.children, run.scratch, settings.store, run.workspace.root, settings.engine.memory_limit
        )
        return HostContext(
            run, host, HostHolds(settings.engine.scratch_limit, settings.store.bandwidth_limit)
        )

    def _to_convert(self, limit: int) -> list[PendingImage]:
        unreadable = self._here.context.hung_images.unreadable(time.monotonic())
        skipped, more_to_come = self._run.skipped, not self._surveying.all_surveyed
        found = self._run.ledger.queue.to_convert(self._run.batches, limit + len(skipped), unreadable)
        return skipped.behind(found, more_to_come=more_to_come)[:limit]

    # -- the run ----

    async def open(self, died: str | None = None) -> None:
        """Take over what an earlier engine left, and answer on the socket.

        `died`: why the last engine has ended although nobody had ordered it."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.steering.signalled, signum)
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        run = self._run
        if run.gpus.fatal_problem is not None:
            raise UserError(run.gpus.fatal_problem)
        run.children.take_over()
        check_scratch(self._here.context)
        with run.ledger.turn():
            run.ledger.account()
            for engine in self._recorder.begin():
                run.events.warning(EventKind.ENGINE, engine_died(engine))
            message = f"started, version {__version__}, {self.steering.workers_in_words}"
            run.events.info(EventKind.ENGINE, message)
            reused = take_over(run, self._crews)
        run.wake_up.set()  # the first turn begins at once
        self._begin_curves()
        run.scratch.sweep(reused)
        run.ledger.remove_lost_plans()
        self._notifier.start()
        self._volumes.open()
        if self._joining is not None:
            await self._joining.open()
        await self._control.start()
        run.ledger.publish_socket(self._control.path)
        run.ledger.answer_while_locked()
        if self.steering.pause is not None:
            when = clock(self.steering.pause.since, time.time())
            what = f"still paused, by {self.steering.pause.by} since {when}: `photostat resume` continues"
            run.events.warning(EventKind.ENGINE, what)
        if (until := self._hours.overruled_until) is not None:
            what = f"still works outside its hours too, until {clock(until, time.time())}, as a person had ordered"
            run.events.info(EventKind.ENGINE, what)
        if died is not None:
            self._notifier.notify(
                Occasion.RESTARTED, f"an engine runs again, after one that ended: {died}", self._now()
            )

    def _begin_curves(self) -> None:
        now = time.time()
        with LedgerReader(self._run.workspace) as reader:
            self._recent.begin(reader.conversions(now - SPAN_S * SPANS_KEPT), now)

    async def run(self) -> bool:
        """Work until every image is finished or a person wants the end; True if every image is finished."""
        try:
            if self._is_over():
                self._record_end(nothing_done=True)
            while not self._is_over():
                while not self._is_over():
                    await self._turn()
                await self._announce_end()  # a client may requeue images in these seconds
            if self.steering.is_finished:
                self.steering.pause = None
            return self.steering.is_finished
        except Exception as error:
            message = f"ended by a fault: {type(error).__name__}: {error}"
            self._log_file.write(EventLevel.ERROR, os.getpid(), f"engine: {message}")
            with contextlib.suppress(sqlite3.Error, UserError):  # the ledger may be what is at fault
                self._recorder.end(Ending.FAULT, one_line(str(error)))
                self._run.ledger.event(EventLevel.ERROR, EventKind.ENGINE, message, pid=os.getpid())
            raise
        finally:
            await self._close()

    async def _turn(self) -> None:
        await self._wait_for_events()
        self._progress.pass_time(time.monotonic(), self.steering.share_at_work)
        self._recorder.pass_time(self.steering.doing)
        if self._turns.take(self._work):
            self._crews.unlink_finished()
            self._turns.attempt(self._orders.work)
        self._crews.check_removals()
        if self._joining is not None:
            self._joining.flush()
        check_log(self._run, self._log_file)
        self._notifier.look(self.steering.hold, self._now)
        self._record()

    def _work(self) -> None:
        self._receive()
        self._update_holds()
        self._crews.check_workers(time.monotonic(), is_leaving=self.steering.desired is DesiredState.DRAIN)
        self._run.ledger.check()  # what it shows would be old
        self._give_out_work()
        self._recorder.note(self._progress.total, has_work=not self.steering.is_finished)
        self._run.ledger.age_events()

    async def _wait_for_events(self) -> None:
        wake_up = self._run.wake_up
        tick = asyncio.get_running_loop().call_later(_TICK_S, wake_up.set)
        await wake_up.wait()
        tick.cancel()
        for _ in range(_PASSES):
            await asyncio.sleep(0)
        await asyncio.sleep(self._began + _TOGETHER_S - time.monotonic())
        wake_up.clear()
        self._began = time.monotonic()

    def _receive(self) -> None:
        self._surveying.receive(may_begin=self.steering.desired is DesiredState.RUN)
        if self._joining is not None:
            self._joining.look(time.monotonic(), may_read_sources=self.steering.desired is DesiredState.RUN)
        self._crews.receive()
        self._run.children.collect(time.monotonic())

    def _now(self) -> RunNow:
        return RunNow(self.steering.state, self.steering.account())

    def _update_holds(self) -> None:
        now, holds = time.monotonic(), self._run.holds
        holds.tick(now)
        self._crews.update_holds(now)
        self._hours.update(time.time())
        busy = self._crews.is_busy
        accounts = self.steering.accounts()
        holds.waiting = self._ordered_holds.nothing_left(accounts, busy=busy, now=now)
        if not busy and not any(account.pending for account in accounts.values()):
            holds.waiting = self._crews.absent.hold(now)

    def _record(self) -> None:
        """What clients draw curves from."""
        memory, images = self._here.dispatch.snapshot(), self._progress.total.images
        rest = _RESTS.get(self.steering.state)
        used_bytes = memory.total - memory.available
        self._recent.look(time.time(), images=images, used_bytes=used_bytes, rest=rest)

    def _give_out_work(self) -> None:
        now = time.monotonic()
        is_stopping = self.steering.desired is DesiredState.STOP
        if not is_stopping:
            self._run.gpus.look(now)
            holds = self._run.holds
            may_look = not self._here.dispatch.below_floor and holds.log.is_closed and holds.hours is None
            self._surveying.work(now, look_ahead=may_look)
        may_start = (
            self.steering.desired is DesiredState.RUN and self._run.holds.may_start and self._orders.may_start
        )
        may_start = may_start and not self._run.gpus.is_starting
        more_to_come = not self._surveying.all_surveyed
        self._crews.work(now, may_start=may_start, may_store=not is_stopping, more_to_come=more_to_come)

    def _is_over(self) -> bool:
        if self._here.converting.fatal_problem is not None:
            raise UserError(self._here.converting.fatal_problem)
        if self._run.gpus.fatal_problem is not None:
            raise UserError(self._run.gpus.fatal_problem)
        self._run.ledger.check_in_place()
        match self.steering.desired:
            case DesiredState.STOP:
                return True
            case DesiredState.DRAIN:
                if not self._run.holds.ledger.is_closed:
                    return self._turns.drain_has_waited(time.monotonic())
                is_busy = self.steering.in_flight or self._crews.is_storing
                return not is_busy and not self._orders.in_hand
        return self.steering.is_finished and not self._orders.in_hand

    async def _announce_end(self) -> None:
        """Record how the run ends, and stay a moment so that clients see it."""
        end = self._record_end()
        account = self.steering.account()
        self._notifier.notify(end, account.summary(), RunNow(self.steering.state, account))
        deadline = time.monotonic() + _LINGER_S
        while self._is_waited_for and time.monotonic() < deadline and not self._orders.in_hand:
            await asyncio.sleep(_TICK_S)
            self._notifier.listen()

    def _record_end(self, *, nothing_done: bool = False) -> Occasion:
        """`nothing_done`: because nothing was to be done, or a person wanted the end before anything was."""
        stopped = Occasion.STOPPED if self.steering.desired is DesiredState.STOP else Occasion.DRAINED
        end = Occasion.FINISHED if self.steering.is_finished else stopped
        words = f"{end}, without anything done" if nothing_done else str(end)
        self._run.events.info(EventKind.ENGINE, f"{words}: {self.steering.account().summary()}")
        self._recorder.end(Ending(end.value), closes_run=self._run.batches is None)
        return end

    @property
    def _is_waited_for(self) -> bool:
        """By clients that have not seen the end, or by a notification whose fate is to be an event."""
        return bool(self._control.clients) or self._notifier.is_sending

    async def _close(self) -> None:
        """Every step is taken, whatever happens in another; no child is left when the ledger is closed."""
        async with contextlib.AsyncExitStack() as steps:  # the last one is the first to be taken
            steps.callback(self._log_file.close)
            steps.callback(self._volumes.close)
            steps.push_async_callback(self._control.close)
            steps.callback(self._run.scratch.remove_if_empty)
            steps.callback(self._write_the_rest)
            steps.push_async_callback(self._run.children.close)
            if self._joining is not None:
                steps.push_async_callback(self._joining.close)
            for crew in self._crews:
                steps.callback(crew.storing.close)
            steps.callback(self._surveying.close)
            steps.callback(self._run.gpus.close)
            for crew in self._crews:
                steps.callback(crew.converting.stop_all)

    def _write_the_rest(self) -> None:
        if self._turns.write_the_rest():
            self._crews.unlink_finished()

    # -- what the process asks ----

    @property
    def unwritten(self) -> str:
        """Of an engine that has ended: what the ledger does not have, and why; empty if it has all."""
        return self._run.unwritten

    def wait_for_notifications(self) -> None:
        """Give the last notifications the time to arrive; the ledger need not be open for that."""
        self._notifier.close()
