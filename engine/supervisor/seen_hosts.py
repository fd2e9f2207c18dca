"""The hosts of a run as people see them: also those that were there, until they come back or are forgotten.

All have their place for as long as the engine runs, so that none changes it when another one goes. The ledger keeps
when each was seen last: the run's next engine still tells of those that are lost."""

from __future__ import annotations

import time
from collections.abc import Iterable

from msgspec import Struct, structs

from engine import __version__
from engine.control.snapshot import Gone, HostSnapshot, HostState, MemorySnapshot, Rates
from engine.hosts.base import HAS_LEFT, HERE
from engine.ledger.hosts import HostRecord, Parting
from engine.supervisor.absent_hosts import COMES_BACK_WITHIN_S, AbsentHosts
from engine.supervisor.crew import Crew
from engine.supervisor.engine_ledger import EngineLedger


class _Parted(Struct, frozen=True):
    last: HostSnapshot
    has_left: bool
    why: str
    since: float
    """Unix time, s."""
    images: int
    """That it had and that were not in the store."""
    shown_from: float = 0.0
    """Monotonic, s: before, it may still come back."""


class SeenHosts:
    def __init__(self, ledger: EngineLedger) -> None:
        self._ledger = ledger
        self._places: dict[str, int] = {}
        """By the name, in the order in which they came first."""
        self._gone: dict[str, _Parted] = {}
        self._forgotten: set[str] = set()

    def before(self, hosts: Iterable[HostRecord], now: float) -> None:
        """An engine begins: what those before it knew. Who has left is not waited for, and who was there when the last
        one ended has its time to come back. `now` is monotonic, s."""
        for host in hosts:
            if host.gone is None or host.how is Parting.LEFT:
                continue
            shown_from = now + COMES_BACK_WITHIN_S if host.how is Parting.ENGINE_ENDED else 0.0
            self._places.setdefault(host.name, len(self._places))
            self._gone[host.name] = _Parted(
                _snapshot_of(host), False, host.why, host.gone, host.images, shown_from
            )

    def joined(self, crew: Crew) -> None:
        name = crew.context.host.name
        self._places.setdefault(name, len(self._places))
        self._gone.pop(name, None)
        self._forgotten.discard(name)
        self._ledger.keep_host(_record(crew))

    def went(self, crew: Crew, why: str) -> None:
        """Before its images are put back."""
        host = crew.context.host
        if host.name not in self._forgotten:
            images = crew.converting.in_flight + crew.storing.on_scratch
            parted = _Parted(
                host_snapshot(crew), host.has_left, why.removeprefix(HAS_LEFT), time.time(), images
            )
            self._gone[host.name] = parted
            how = Parting.LEFT if parted.has_left else Parting.LOST
            self._ledger.keep_host(
                structs.replace(_record(crew), gone=parted.since, how=how, why=parted.why, images=images)
            )

    def forget(self, name: str) -> None:
        """Whether it is there still or not: nobody waits for it."""
        self._gone.pop(name, None)
        self._forgotten.add(name)
        self._ledger.forget_host(name)

    def snapshots(self, there: list[Crew], absent: AbsentHosts, now: float) -> tuple[HostSnapshot, ...]:
        """The engine's own machine first, if it is among those that are there. `now` is monotonic, s."""
        shown = [host_snapshot(crew) for crew in there]
        shown += [
            _snapshot_of_gone(parted, absent) for parted in self._gone.values() if now >= parted.shown_from
        ]
        return tuple(sorted(shown, key=lambda host: self._places.get(host.name, -1)))


def host_snapshot(crew: Crew) -> HostSnapshot:
    """A machine that is there."""
    host, now = crew.context.host, time.monotonic()
    hold, busy = crew.holds.hold(now), len(crew.converting.pool.running)
    state = HostState.HOLDING if hold else HostState.WORKING if busy else HostState.IDLE
    if crew.leaving is not None:
        state = HostState.DRAINING
    return HostSnapshot(
        name=host.name or HERE,
        state=state,
        hold=hold,
        cores=host.cores,
        memory=crew.dispatch.snapshot(),
        rates=crew.progress.rates(),
        workers=crew.converting.pool.wanted,
        busy=busy,
        waiting=crew.storing.on_scratch,
        version=__version__,
        address=host.machine,
        joined=crew.joined,
        clock_ahead_seconds=round(host.clock_ahead_s),
    )


def _record(crew: Crew) -> HostRecord:
    """Of a machine that is there."""
    host = crew.context.host
    return HostRecord(host.name, crew.joined, host.cores, host.machine, __version__)


def _snapshot_of(host: HostRecord) -> HostSnapshot:
    return HostSnapshot(
        name=host.name,
        state=HostState.LOST,
        hold=None,
        cores=host.cores,
        memory=MemorySnapshot(),
        rates=Rates(),
        workers=0,
        busy=0,
        waiting=0,
        version=host.version,
        address=host.address,
        joined=host.joined,
    )


def _snapshot_of_gone(parted: _Parted, absent: AbsentHosts) -> HostSnapshot:
    """Nothing of it counts in the sums over all hosts but the JPEGs that wait for it."""
    waiting, until = absent.waiting_for(parted.last.name)
    return structs.replace(
        parted.last,
        state=HostState.LEFT if parted.has_left else HostState.LOST,
        hold=None,
        memory=MemorySnapshot(),
        rates=Rates(),
        workers=0,
        busy=0,
        waiting=waiting,
        clock_ahead_seconds=0,
        gone=Gone(parted.since, parted.why, max(0, parted.images - waiting), until),
    )
