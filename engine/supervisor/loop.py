"""The supervisor: one loop that gives out work, hears how it went, and writes the ledger; it waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass

from engine import __version__
from engine.config import Config
from engine.control.commands import Commands, DesiredState
from engine.control.server import ControlServer
from engine.control.snapshot import Snapshot, State
from engine.failures import UserError
from engine.ledger.account import Account
from engine.ledger.models import PendingImage, Recovered, Subject
from engine.ledger.states import EventKind, EventLevel
from engine.ledger.writer import Ledger
from engine.messages import Converted, StoreRequest
from engine.scratch import Scratch, sources_in_scratch
from engine.supervisor.context import Run
from engine.supervisor.converting import Converting, subject_of
from engine.supervisor.dispatch import Dispatch
from engine.supervisor.event_log import RunLog
from engine.supervisor.holds import Holds
from engine.supervisor.journal import Journal
from engine.supervisor.notifications import Notifier
from engine.supervisor.progress import Progress
from engine.supervisor.status import take_snapshot
from engine.supervisor.storing import Storing, Waiting
from engine.supervisor.surveying import Surveying
from engine.workspace import Workspace, path_variants, scratch_conflict

_TICK_S = 0.25
_LINGER_S = 1.5
"""A finished engine stays so long for clients that look once a second, so that they see the end."""


@dataclass(frozen=True)
class RunOptions:
    batches: tuple[str, ...] | None = None
    """None is every batch."""
    workers: int | None = None
    """None is what the settings say."""


class Supervisor:
    """One run: owns the ledger, the children and the socket."""

    def __init__(self, workspace: Workspace, config: Config, ledger: Ledger, options: RunOptions) -> None:
        self._log = RunLog(workspace.logs_dir)
        self.started = time.monotonic()
        holds = Holds(config.engine.scratch_limit)
        self.run_context = run = Run(
            workspace, config, ledger, Journal(ledger, self._log), holds, options.batches
        )
        self.desired = DesiredState.RUN
        self.progress = Progress(self.started)
        self.storing = Storing(run, self.progress)
        self.surveying = Surveying(run)
        workers = options.workers or config.engine.worker_count(os.cpu_count() or 1)
        self.converting = Converting(run, workers, self._hand_over, self.surveying.doubt)
        self.dispatch = Dispatch(run, self.converting)
        self.workers_asked = workers
        self.want_workers(workers)
        self._notifier = Notifier(config.notify.urls, str(workspace.root))
        self._held = False
        self._control = ControlServer(workspace.socket_path, Commands(self, ledger, run.journal).answer)

    @property
    def state(self) -> State:
        """The engine's state in a word."""
        if self._finished:
            return State.FINISHED
        match self.desired:
            case DesiredState.STOP:
                return State.STOPPED
            case DesiredState.DRAIN:
                return State.DRAINING
            case DesiredState.PAUSE:
                return State.PAUSED
        return State.HOLDING if self.run_context.holds.hold(time.monotonic()) else State.RUNNING

    def snapshot(self) -> Snapshot:
        return take_snapshot(
            self.run_context,
            self.converting,
            self.storing,
            self.dispatch,
            self.progress,
            state=self.state,
            started=self.started,
            workers_asked=self.workers_asked,
            failures=self.failures,
        )

    @property
    def in_flight(self) -> int:
        """Images that workers have."""
        return self.converting.in_flight

    @property
    def on_scratch(self) -> int:
        """JPEGs that wait for the store."""
        return self.storing.waiting

    def probe_now(self) -> None:
        """Look at once whether what the engine holds for is well again."""
        self.run_context.holds.probe_now(time.monotonic())

    def wake(self) -> None:
        """Look at once what has changed."""
        self.run_context.happened.set()

    def want_workers(self, count: int) -> tuple[int, int]:
        """From now on so many, or as many as memory allows; returns how many were wanted before and are now."""
        slots = self.converting.slots
        before = slots.wanted
        self.workers_asked, slots.wanted = count, self.dispatch.affordable(count)
        return before, slots.wanted

    async def run(self) -> bool:
        """Works until everything is done or somebody wants it to end; True when everything is done."""
        try:
            while not self._over():
                while not self._over():
                    await self._step()
                await self._linger()
            return self._finished
        except Exception as error:
            self._log.write(
                EventLevel.ERROR, os.getpid(), f"engine: ended by a fault: {type(error).__name__}: {error}"
            )
            raise
        finally:
            await self._close()

    @property
    def _share_at_work(self) -> float:
        """Of the workers, 0 to 1; all of them count while the engine runs, whatever keeps some waiting."""
        if self.state is State.RUNNING:
            return 1.0
        slots = self.converting.slots
        return min(1.0, len(slots.running) / slots.wanted)

    async def _step(self) -> None:
        await self._wake()
        self.progress.pass_time(time.monotonic(), self._share_at_work)
        with self.run_context.ledger.transaction():
            self._hear()
            self._look_after()
            self._give_out()
        self.storing.clean()

    # -- the loop's steps ----

    async def _wake(self) -> None:
        happened = self.run_context.happened
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(happened.wait(), _TICK_S)
        happened.clear()

    def _hear(self) -> None:
        self.surveying.hear()
        self.converting.hear()
        self.storing.hear()

    def _look_after(self) -> None:
        now, holds = time.monotonic(), self.run_context.holds
        holds.tick(now)
        holds.scratch_holds(self.storing.waiting_bytes, now)
        if holds.disk_wants_probe() and holds.disk_probed(
            self._scratch.space_problem(holds.disk_needs_bytes), now
        ):
            self.run_context.journal.info(EventKind.END_OF_HOLD, "there is room on the disk again")
        self._tell_of_hold(now)
        self.converting.look_after(now)

    def _tell_of_hold(self, now: float) -> None:
        hold = self.run_context.holds.hold(now)
        if hold is not None and not self._held:
            self._notifier.tell("holding", f"{hold.reason}: {hold.detail}", self.account())
        self._held = hold is not None

    def _give_out(self) -> None:
        now = time.monotonic()
        if self.desired is not DesiredState.STOP:
            may_look_ahead = self.desired is not DesiredState.DRAIN and not self.dispatch.below_floor
            self.surveying.work(now, ahead=may_look_ahead)
        self.dispatch.work(
            now,
            may_start=self.desired is DesiredState.RUN and self.run_context.holds.may_start,
            more_to_come=not self.surveying.exhausted,
        )
        self.converting.staff(now, self.dispatch.headroom_bytes)
        if self.desired is not DesiredState.STOP:
            self.storing.work()

    # -- the run's ends ----

    async def open(self) -> None:
        """Take up what a dead engine left, and answer on the socket."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._signalled, signum)
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        run = self.run_context
        self._check_scratch()
        with run.ledger.transaction():
            run.journal.info(EventKind.ENGINE, f"started, version {__version__}, {self._workers_in_words()}")
            kept = [self._take_up(row) for row in run.ledger.recover()]
        self._scratch.sweep([path for path in kept if path is not None])
        await self._control.start()
        run.ledger.publish_socket(self._control.path)

    def _over(self) -> bool:
        if self.converting.broken is not None:
            raise UserError(self.converting.broken)
        self.run_context.ledger.check_in_place()
        busy = self.converting.busy or (self.storing.waiting and self.run_context.holds.may_store)
        match self.desired:
            case DesiredState.STOP:
                return True
            case DesiredState.DRAIN:
                return not busy
        return self._finished

    @property
    def _finished(self) -> bool:
        account = self.account()
        return account.remaining == 0

    @property
    def failures(self) -> int:
        """In this run."""
        return self.surveying.failures + self.converting.failures + self.storing.failures

    def account(self) -> Account:
        """Of the batches of this run."""
        wanted = self.run_context.batches
        accounts = self.run_context.ledger.account()
        return sum((a for name, a in accounts.items() if wanted is None or name in wanted), Account())

    def _workers_in_words(self) -> str:
        count, asked = self.converting.slots.wanted, self.workers_asked
        words = f"{count} worker" if count == 1 else f"{count} workers"
        return f"{words} instead of {asked}: memory allows no more" if count < asked else words

    def say_goodbye(self) -> None:
        """After the ledger is free again: give the last notices the time to arrive."""
        self._notifier.close()

    async def _linger(self) -> None:
        """What was said last is committed; clients get a moment to see it."""
        account = self.account()
        run = self.run_context
        with run.ledger.transaction():
            end = (
                "finished"
                if self._finished
                else "stopped"
                if self.desired is DesiredState.STOP
                else "drained"
            )
            counts = account.summary()
            run.journal.info(EventKind.ENGINE, f"{end}: {counts}")
        self._notifier.tell(end, counts, account)
        deadline = time.monotonic() + _LINGER_S
        while self._control.clients and time.monotonic() < deadline:  # noqa: ASYNC110 - a bounded courtesy
            await asyncio.sleep(_TICK_S)

    async def _close(self) -> None:
        run = self.run_context
        with run.ledger.transaction():
            self.converting.stop_all()
        self.surveying.close()
        self.storing.close()
        self.storing.clean()
        self._scratch.remove_if_empty()  # what waits for the store stays, and its directory with it
        await self._control.close()
        self._log.close()

    def _signalled(self, signum: int) -> None:
        """The first SIGTERM or SIGINT drains, the second stops at once."""
        self.desired = DesiredState.STOP if self.desired is DesiredState.DRAIN else DesiredState.DRAIN
        doing = "stopping at once" if self.desired is DesiredState.STOP else "finishing what is in flight"
        self.run_context.journal.warning(EventKind.ENGINE, f"{signal.Signals(signum).name}: {doing}")
        self.run_context.happened.set()

    # -- from stage to stage ----

    @property
    def _scratch(self) -> Scratch:
        return self.run_context.scratch

    def _check_scratch(self) -> None:
        """Raises UserError where scratch is a place with other things, or none where files can be made."""
        run, place = self.run_context, self._scratch.directory
        fault = scratch_conflict(place, run.workspace.root, run.config, really=True)
        for directory in path_variants(place):
            if fault is None and (source := run.ledger.source_within(directory)):
                fault = sources_in_scratch(source)
        if fault is not None:
            raise UserError(f"[engine] scratch: {place}: {fault}")
        self._scratch.prepare()

    def _hand_over(self, converted: Converted, candidate: PendingImage) -> None:
        request = StoreRequest(
            image_id=candidate.image_id,
            scratch_path=converted.scratch_path,
            target=candidate.target,
            jpeg_bytes=converted.jpeg_bytes,
            md5=converted.md5,
            record=candidate.record,
            uuid=candidate.uuid,
            source_digest=converted.source_digest,
        )
        self.storing.accept(
            Waiting(request, subject_of(candidate), candidate.megapixels, converted.source_bytes)
        )

    def _take_up(self, row: Recovered) -> str | None:
        """A JPEG that a dead engine left on scratch is used again, if it is still there and whole; its path."""
        run, request = self.run_context, self._scratch.locate(row.request)
        if request is not None:
            subject = Subject(request.image_id, request.record, row.source, request.target)
            waiting = Waiting(request, subject, row.megapixels, row.source_bytes, converted_here=False)
            self.storing.accept(waiting)
            return request.scratch_path
        run.ledger.back_to_pending(row.request.image_id, "its JPEG is not on scratch any more", counts=False)
        return None
