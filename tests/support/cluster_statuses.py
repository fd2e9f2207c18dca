"""Statuses of a run on several machines: three of them, of which one holds and one is lost, and very many."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from engine.control.process_snapshots import WorkerSnapshot
from engine.control.recent import SPAN_S, MemoryUsed
from engine.control.snapshot import (
    Gone,
    Hold,
    HoldReason,
    HostSnapshot,
    HostState,
    MemorySnapshot,
    Rates,
    Snapshot,
)
from engine.failures import Stage
from tests.support.statuses import GIB, NOW, engine_status, running, worker
from tui.state.status import EngineStatus

SHARE_AWAY = "/mnt/holdings is not mounted there: mount it, and it continues by itself."


def host(
    name: str,
    workers: int = 4,
    busy: int | None = None,
    *,
    state: HostState = HostState.WORKING,
    hold: Hold | None = None,
    waiting: int = 0,
    number: int = 0,
) -> HostSnapshot:
    """`number` makes its figures differ from those of others."""
    busy = workers if busy is None else busy
    total = (48 + number % 3 * 16) * GIB
    memory = MemorySnapshot(
        total=total,
        available=total // 2 + number % 7 * GIB,
        floor=total // 10,
        committed=3 * GIB,
        headroom=total // 2 + number % 7 * GIB - total // 10 - 3 * GIB,
    )
    rates = Rates(0.3 + number % 5 / 10, 14.0, 6.1e6, 2.5e6) if busy else Rates()
    return HostSnapshot(
        name,
        state,
        hold,
        workers,
        memory,
        rates,
        workers,
        busy,
        waiting,
        "0.1.0",
        f"{name}.library.example",
        NOW - 6840 - number,
        7 if number == 1 else 0,
    )


def lost(
    name: str, *, put_back: int = 4, waiting: int = 2, state: HostState = HostState.LOST
) -> HostSnapshot:
    """One that is not there any more."""
    last = host(name, 4, state=state, waiting=waiting, number=2)
    gone = Gone(NOW - 20, "no sign of life for 30 s", put_back, NOW + 40 if waiting else None)
    return structs.replace(last, memory=MemorySnapshot(), rates=Rates(), workers=0, busy=0, gone=gone)


def workers_of(host: HostSnapshot, first: int, tick: int = 0) -> list[WorkerSnapshot]:
    """Its busy ones first; `first` is the number of the first one in the run."""
    found = []
    for slot in range(host.workers):
        one = structs.replace(worker(first + slot, tick), slot=slot + 1, host=host.name)
        if slot >= host.busy:
            one = structs.replace(
                one,
                phase=Stage.IDLE,
                image_id=None,
                image="",
                megapixels=None,
                seconds=None,
                started=None,
                overdue=False,
            )
        found.append(one)
    return found


def _memory_of(host: HostSnapshot) -> MemoryUsed:
    mib = (host.memory.total - host.memory.available) >> 20
    used = tuple(mib - 2000 + number * 37 % 4000 for number in range(100))
    return MemoryUsed(NOW // SPAN_S * SPAN_S - 99 * SPAN_S, used)


def on_hosts(*hosts: HostSnapshot, tick: int = 0) -> Snapshot:
    """A run under way on these machines."""
    workers: list[WorkerSnapshot] = []
    for one in hosts:
        workers += workers_of(one, len(workers), tick)
    there = running(0, tick)
    return structs.replace(
        there,
        hosts=hosts,
        recent=structs.replace(there.recent, memory={one.name: _memory_of(one) for one in hosts}),
        workers=tuple(workers),
        workers_wanted=hosts[0].workers if hosts else 0,
        workers_asked=hosts[0].workers if hosts else 0,
    )


def three_hosts(tick: int = 0) -> Snapshot:
    """The engine's own works, one holds, and one is lost."""
    away = Hold(HoldReason.SOURCE, SHARE_AWAY, NOW - 750, NOW + 30)
    return on_hosts(
        host("here", 4, waiting=3),
        host("conv2", 3, 0, state=HostState.HOLDING, hold=away, number=1),
        lost("reading-room-4"),
        tick=tick,
    )


def many_hosts(count: int = 64, workers: int = 12, tick: int = 0) -> Snapshot:
    """So many that they can only be seen folded."""
    others = (
        host(f"conv{number:02}", workers, number=number + tick // 10, waiting=number % 4)
        for number in range(1, count)
    )
    return on_hosts(host("here", workers, waiting=3), *others, tick=tick)


CLUSTERS: dict[str, Callable[[], EngineStatus]] = {
    "three-hosts": lambda: engine_status(three_hosts()),
    "many-hosts": lambda: engine_status(many_hosts()),
}
