"""The crews of a run: the one of the engine's own machine, and those of hosts that come and go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from engine.control.snapshot import Hold, HostSnapshot
from engine.formatting import counted, duration
from engine.hosts.base import HERE
from engine.ledger.states import EventKind
from engine.supervisor.absent_hosts import AbsentHosts
from engine.supervisor.bandwidth_shares import BandwidthShares
from engine.supervisor.candidates import Candidates
from engine.supervisor.context import HostContext
from engine.supervisor.crew import Crew
from engine.supervisor.disk_checks import check_removals
from engine.supervisor.host_holds import hold_of_all
from engine.supervisor.progress import Progress
from engine.supervisor.seen_hosts import SeenHosts
from engine.supervisor.shut_out import Machine, ShutOut
from engine.supervisor.surveying import DiagnoseSource
from engine.supervisor.waiting_for_hosts import WaitingForHosts

_LOOKS_EVERY_S = 1.0


class Crews:
    def __init__(
        self,
        here: HostContext,
        workers: int,
        candidates: Candidates,
        progress: Progress,
        diagnose: DiagnoseSource,
    ) -> None:
        self._run = here.run
        self._candidates = candidates
        self._progress = progress
        self._diagnose = diagnose
        self._crews: list[Crew] = []
        self._due: list[Crew] = []
        """Those that have something to do in this turn."""
        self._failures_of_gone = 0
        self._look_at_stores = 0.0
        self._waiting = WaitingForHosts(here.events, (host.name for host in here.run.config.cluster.hosts))
        self._shut_out = ShutOut()
        self.here = self._crew(here, workers)
        """The crew of the engine's own machine, which the surveyor is on; it may convert nothing."""
        self._crews.append(self.here)
        if self._converts_here:
            self._candidates.joined(here.host.name)
        self.absent = AbsentHosts(here.run)
        self.seen = SeenHosts(here.run.ledger)
        limit = here.run.config.store.bandwidth_limit
        self._shares = BandwidthShares(limit) if limit is not None else None

    def __iter__(self) -> Iterator[Crew]:
        """The engine's own machine first."""
        return iter(tuple(self._crews))

    def join(self, context: HostContext, workers: int) -> Crew:
        """A host has come: it gets images from now on."""
        crew = self._crew(context, workers)
        self._crews.append(crew)
        self._candidates.joined(context.host.name)
        self.seen.joined(crew)
        return crew

    def _crew(self, context: HostContext, workers: int) -> Crew:
        return Crew(context, workers, self._candidates, self._progress, self._diagnose)

    @property
    def _converts_here(self) -> bool:
        return self._run.config.cluster.here

    @property
    def machines(self) -> list[Crew]:
        """All but the engine's own if it converts nothing."""
        return [crew for crew in self if crew is not self.here or self._converts_here]

    def snapshots(self) -> tuple[HostSnapshot, ...]:
        """Of all machines that are there or were."""
        return self.seen.snapshots(self.machines, self.absent, time.monotonic())

    @property
    def converting(self) -> list[Crew]:
        """Those that get images."""
        return [crew for crew in self.machines if crew.leaving is None]

    def drain(self, crew: Crew, why: str) -> None:
        """A host gets nothing new. What fitted in no other one is looked at again."""
        crew.leaving = why
        self._candidates.left(crew.context.host.name)

    def let_go(self, crew: Crew, why: str) -> None:
        """A host has gone: what it had in flight is pending again, and the attempts do not count.

        JPEGs on its scratch wait for it, unless it has left nothing there."""
        host, events = crew.context.host, crew.context.events
        self._crews.remove(crew)
        self.seen.went(crew, why)
        self._candidates.left(host.name)
        tell = events.info if crew.leaving and not crew.is_busy else events.warning
        tell(EventKind.ENGINE, f"{why}{_costs(crew)}")
        jpegs = crew.let_go(why)
        self._failures_of_gone += crew.failures
        if host.has_left:
            self.absent.put_back(jpegs, why)
        else:
            self.absent.wait_for(host.name, jpegs, time.monotonic())

    def is_back(self, crew: Crew, found: Mapping[str, int]) -> list[str]:
        """A host has come with these JPEGs on its scratch, sizes in bytes by their paths. Returns the paths of those
        that are still wanted: they are stored. The host removes all others."""
        kept = self.absent.is_back(crew.context.host.name, found)
        for jpeg in kept:
            crew.storing.enqueue(jpeg)
        return [jpeg.request.scratch_path for jpeg in kept]

    def receive(self) -> None:
        """Take what the hosts have sent, and let those go that are lost: a turn of the loop begins.

        What they had said before counts."""
        now = time.monotonic()
        self._due = [crew for crew in self if crew.is_due(now)]
        for crew in self._due:
            crew.receive()
            if (why := crew.context.host.lost) is not None:
                self.let_go(crew, why)
        self._due = [crew for crew in self._due if crew.context.host.lost is None]

    def update_holds(self, now: float) -> None:
        for crew in self._due:
            crew.update_holds(now)
        self._waiting.look(is_somebody_there=bool(self.converting))
        self.absent.tick(now)

    def check_workers(self, now: float, *, is_leaving: bool) -> None:
        for crew in self._due:
            crew.converting.check_workers(now, is_leaving=is_leaving)

    def work(self, now: float, *, may_start: bool, may_store: bool, more_to_come: bool) -> None:
        """Give out images and JPEGs."""
        self._candidates.begin_turn()
        self._divide_bandwidth(now)
        for crew in self._due:
            may_start_here = may_start and self._shut_out.may_start(crew.context.host.name, now)
            crew.work(now, may_start=may_start_here, more_to_come=more_to_come)
            if may_store and (crew is not self.here or self._converts_here or crew.is_busy):
                crew.storing.work()
        if now >= self._look_at_stores:
            self._look_at_stores = now + _LOOKS_EVERY_S
            for crew in self._shut_out_too_long(now):
                if may_start:
                    self._hand_over(crew, now)

    def _shut_out_too_long(self, now: float) -> list[Crew]:
        """Those that cannot store, while others can."""
        working = [crew for crew in self.converting if crew.can_store and crew.holds.hold(now) is None]
        machines = {
            crew.context.host.name: Machine(
                crew.context.host.name, crew.can_store, crew in working, not crew.converting.in_flight
            )
            for crew in self
        }
        names = self._shut_out.look(machines.values(), now)
        return [crew for crew in self if crew.context.host.name in names]

    def _hand_over(self, crew: Crew, now: float) -> None:
        """The images of what waits on its scratch start again on other machines."""
        if not (jpegs := crew.storing.give_away()):
            return
        name = crew.context.host.name
        waited, images = duration(self._shut_out.waited_s(name, now)), counted(len(jpegs), "image")
        why = f"has not reached the store for {waited}: {images} whose JPEGs wait on its scratch start again on others"
        crew.context.events.warning(EventKind.ENGINE, why)
        self.absent.put_back(jpegs, f"its JPEG waited on {name or HERE}, which does not reach the store")

    def _divide_bandwidth(self, now: float) -> None:
        if self._shares is None:
            return
        sending = [crew for crew in self if crew.storing.on_scratch]
        share = self._shares.share(_names(self), _names(sending), now)
        for crew in sending:
            crew.storing.limit_bandwidth(share)

    def unlink_finished(self) -> None:
        """After the ledger's commit: remove the scratch files of images that are done or failed."""
        for crew in self:
            crew.storing.unlink_finished()

    def check_removals(self) -> None:
        for crew in self:
            check_removals(crew.context)

    def hold(self, now: float) -> Hold | None:
        """The engine's most important one. Sources that its own machine does not see keep all others from work, too,
        when what had been surveyed is converted."""
        hold = hold_of_all(self._run.holds, [crew.holds for crew in self.converting], now)
        if hold is None and not self.here.holds.may_survey and not self.is_busy:
            return self.here.holds.hold(now)
        return hold or self._waiting.hold

    @property
    def in_flight(self) -> int:
        """Images that workers have."""
        return sum(crew.converting.in_flight for crew in self)

    @property
    def on_scratch(self) -> int:
        """JPEGs that wait for the store."""
        return sum(crew.storing.on_scratch for crew in self)

    @property
    def is_busy(self) -> bool:
        """Whether there are images in workers or on scratch."""
        return any(crew.is_busy for crew in self)

    @property
    def is_storing(self) -> bool:
        """Whether what waits on scratch is on its way to the store."""
        return any(crew.is_storing for crew in self)

    @property
    def failures(self) -> int:
        return self._failures_of_gone + sum(crew.failures for crew in self)

    @property
    def share_at_work(self) -> float:
        """Of the workers, 0 to 1."""
        pools = [crew.converting.pool for crew in self]
        return min(1.0, sum(len(pool.running) for pool in pools) / max(1, sum(pool.wanted for pool in pools)))


def _names(crews: Iterable[Crew]) -> list[str]:
    return [crew.context.host.name for crew in crews]


def _costs(crew: Crew) -> str:
    """What the loss of its host means for the images that it has."""
    in_flight, on_scratch = crew.converting.in_flight, crew.storing.on_scratch
    back = on_scratch if crew.context.host.has_left else 0
    costs = (
        f"; {counted(in_flight + back, 'image')} not stored yet: pending again" if in_flight + back else ""
    )
    if on_scratch and not back:
        costs += f"; {counted(on_scratch, 'JPEG')} on its scratch: stored when it is back"
    return costs
