"""What people want of the run, and how it stands: what clients and the engine's own process ask of it."""

from __future__ import annotations

import signal
import time

from engine.control.commands import DesiredState
from engine.control.requests import HostReply, SkipReply
from engine.control.snapshot import Hold, Pause, Person, Snapshot, State
from engine.formatting import counted
from engine.hosts.base import HERE
from engine.ledger.account import Account
from engine.ledger.runs import WaitKind
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.host_orders import HostOrders
from engine.supervisor.progress import SurveyPace
from engine.supervisor.run_times import Doing
from engine.supervisor.set_aside import SetAside
from engine.supervisor.skipping import Skipping
from engine.supervisor.status import Measured, take_snapshot
from engine.supervisor.surveying import Surveying
from engine.supervisor.working_hours import WorkingHours


class Steering:
    """`engine.control.commands` carries out with it what people order."""

    def __init__(
        self,
        run: RunContext,
        crews: Crews,
        surveying: Surveying,
        measured: Measured,
        hours: WorkingHours,
        *,
        pause: Pause | None,
        workers: int,
        host_orders: HostOrders,
    ) -> None:
        self._run = run
        self._host_orders = host_orders
        self._crews = crews
        self._here = crews.here
        self._surveying = surveying
        self._measured = measured
        self._hours = hours
        self._skipping = Skipping(run, crews, surveying)
        self.desired = DesiredState.PAUSE if pause else DesiredState.RUN
        self.pause = pause
        self.workers_asked = workers
        """By a person or the settings; more than `workers_wanted` if memory does not allow so many."""
        if workers:
            self.want_workers(workers)

    # -- what is ordered ----

    @property
    def pause(self) -> Pause | None:
        """Who has paused it, and when."""
        return self._pause

    @pause.setter
    def pause(self, pause: Pause | None) -> None:
        self._pause, by = pause, pause.by if pause else None
        self._run.ledger.publish_pause(
            (by.user, by.host, by.tty) if by else (), pause.since if pause else 0.0
        )

    def want_workers(self, count: int) -> tuple[int, int]:
        """From now on so many, or as many as memory allows; returns how many were wanted before and are now."""
        before_and_now = self._host_orders.want_workers(HERE, count)
        self.workers_asked = count
        self._run.gpus.may_add_workers = False
        return before_and_now

    def want_workers_on(self, host: str, count: int) -> tuple[int, int]:
        """The same of another machine. Raises UserError for a host that is not there."""
        return self._host_orders.want_workers(host, count)

    def drain_host(self, name: str, by: Person) -> HostReply:
        """It finishes what it has, gets nothing new, and leaves. Raises UserError for a host that is not there."""
        return self._host_orders.drain(name, str(by))

    def forget_host(self, name: str, by: Person) -> HostReply:
        """Its invitation is void, and if it is there, it is let go. Raises UserError for an unknown host."""
        return self._host_orders.forget(name, str(by))

    def skip(self, image_id: int, started: float | None, by: Person, *, fail: bool) -> SkipReply:
        """End the attempt at this image now. Raises UserError if it is not there, and then nothing is changed."""
        return self._skipping.skip(image_id, started, SetAside(str(by), fail))

    def probe_now(self) -> float | None:
        """Probe at once whether what the engine holds for works again, and work outside its hours too.

        Who ends a pause has not said the latter. Returns until when, Unix time, s; None if nothing has changed."""
        self._run.holds.probe_now(time.monotonic())
        for crew in self._crews:
            crew.probe_now(after_pause=self.desired is DesiredState.PAUSE)
        return None if self.desired is DesiredState.PAUSE else self._hours.overrule(time.time())

    def signalled(self, signum: int) -> None:
        """The first SIGTERM or SIGINT drains, the second stops at once."""
        is_second = self.desired is DesiredState.DRAIN
        self.desired = DesiredState.STOP if is_second else DesiredState.DRAIN
        what = "stopping at once" if is_second else "finishing what is in flight"
        self._run.events.warning(EventKind.ENGINE, f"{signal.Signals(signum).name}: {what}")
        self.wake()

    def wake(self) -> None:
        """Begin the next turn of the loop at once."""
        self._run.wake_up.set()

    # -- how it stands ----

    @property
    def state(self) -> State:
        if self.is_finished:
            return State.FINISHED
        match self.desired:
            case DesiredState.STOP:
                return State.STOPPED
            case DesiredState.DRAIN:
                return State.DRAINING
            case DesiredState.PAUSE:
                return State.PAUSED
        return State.HOLDING if self.hold else State.RUNNING

    def snapshot(self) -> Snapshot:
        return take_snapshot(
            self._run,
            self._crews,
            self._measured,
            state=self.state,
            workers_asked=self.workers_asked,
            pause=self.pause if self.state is State.PAUSED else None,
            hold=self.hold,
            failures=self._surveying.failures + self._crews.failures,
            pace=SurveyPace(self._surveying.read, self._surveying.failures),
            hours=self._hours,
        )

    def account(self) -> Account:
        """Of the batches of this run."""
        return sum(self.accounts().values(), Account())

    def accounts(self) -> dict[str, Account]:
        """Of each batch of this run."""
        wanted = self._run.batches
        accounts = self._run.ledger.account()
        return {name: account for name, account in accounts.items() if wanted is None or name in wanted}

    @property
    def hold(self) -> Hold | None:
        return self._crews.hold(time.monotonic())

    @property
    def in_flight(self) -> int:
        """Images that workers have."""
        return self._crews.in_flight

    @property
    def on_scratch(self) -> int:
        """JPEGs that wait for the store."""
        return self._crews.on_scratch

    @property
    def workers_wanted(self) -> int:
        return self._here.converting.pool.wanted

    @property
    def workers_in_words(self) -> str:
        words = counted(self.workers_wanted, "worker") if self.workers_asked else "no workers here"
        if self.workers_wanted < self.workers_asked:
            words += f" instead of {self.workers_asked}: memory allows no more"
        return words

    @property
    def is_finished(self) -> bool:
        return self.account().remaining == 0 and not self._run.ledger.kept

    @property
    def doing(self) -> Doing:
        """A pause comes before a hold, whatever would keep the engine waiting then."""
        if self.pause is not None and self.desired is DesiredState.PAUSE:
            return Doing(WaitKind.PAUSED, str(self.pause.by), since=self.pause.since)
        hold = self.hold
        if hold is None or self.is_finished:
            return Doing()
        return Doing(WaitKind.HELD, hold.reason, hold.detail, hold.since)

    @property
    def share_at_work(self) -> float:
        """Of the workers, 0 to 1. While the engine runs all of them count, whatever some are waiting for."""
        if self.state is State.RUNNING:
            return 1.0
        if not self._run.holds.ledger.is_closed:
            return 0.0
        return self._crews.share_at_work
