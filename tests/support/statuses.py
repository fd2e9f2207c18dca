"""Statuses of an engine in every state, at a time that stands still; what a person would see in a large run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from msgspec import structs

from engine.control.gpu_snapshot import GpuSnapshot, GpuSpan, GpuState
from engine.control.process_snapshots import WorkerSnapshot
from engine.control.recent import SPAN_S, SPANS_KEPT, Recent, Rest, Span
from engine.control.snapshot import (
    BatchSnapshot,
    Bytes,
    EngineIdentity,
    Hold,
    HoldReason,
    MemorySnapshot,
    Pause,
    Person,
    Rates,
    Snapshot,
    State,
    StoreSnapshot,
    SurveySnapshot,
)
from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from engine.failures import Stage
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.models import Event
from engine.ledger.runs import Ending, EngineRecord, RunRecord, Throughput, Wait, WaitKind
from engine.run_account.account import RunAccount, account_of
from tui.state.status import ConnectionState, EngineStatus

NOW = 1_772_409_845.0
"""2026-03-02 00:04:05 UTC: the time in all statuses."""
GIB, MIB = 2**30, 2**20
_PHASES = (
    Stage.DECODING,
    Stage.DECODING,
    Stage.READING,
    Stage.DECODING,
    Stage.ENCODING,
    Stage.DECODING,
    Stage.PROVING,
    Stage.DECODING,
)
_NAMES = (
    "NB_0001_1887-03-14_0004.jpg",
    "NB_0001_1887-03-14_0005.jpg",
    "map of the county [sheet 12, revised].jpg",
    "MS-Q-17_0113_recto.jpg",
    "MS-Q-17_0113_verso.jpg",
    "1889-11-02_evening-edition_supplement_p0016_reshoot.jpg",
    "glass_plate_00412.jpg",
    "日本地図_0007.jpg",
)


def worker(slot: int, tick: int = 0) -> WorkerSnapshot:
    """A worker that is busy; `tick` seconds later than at NOW."""
    started = (slot * 5) % 17
    predicted_s = (14.0, 14.0, None, 9.5, 9.5, 14.0, 4.5, 20.0)[slot % 8]
    return WorkerSnapshot(
        slot=slot + 1,
        pid=4712 + slot,
        phase=_PHASES[(slot + tick // 7) % len(_PHASES)],
        image_id=1000 + slot,
        image=_NAMES[slot % len(_NAMES)],
        megapixels=(39.2, 39.2, 612.0, 24.1, 24.3, 38.9, 8.4, 56.0)[slot % 8],
        seconds=float((started + tick) % 23),
        rss_bytes=(310 + 37 * slot + (tick * 13 + slot * 7) % 60) * MIB,
        predicted_bytes=(667 + (slot % 3) * 45) * MIB,
        started=NOW - 60 * slot,
        predicted_seconds=predicted_s,
        overdue=(started + tick) % 23 > 2 * (predicted_s or 23.0) + 3,
    )


def recent(now: float) -> Recent:
    """Half an hour, now faster, now slower: the engine held for two minutes, and a person paused it for one."""
    last = int(now // SPAN_S)
    numbers = range(last - SPANS_KEPT + 1, last + 1)
    rests = {**dict.fromkeys(range(12), Rest.HOLDING), **dict.fromkeys(range(40, 46), Rest.PAUSED)}
    at = {number: rests.get(number - int(NOW // SPAN_S) + 70) for number in numbers}
    return Recent(
        float(numbers[0] * SPAN_S),
        tuple(
            Span(
                0 if at[number] else 8 + number * 7919 % 5 + number // 20 % 4,
                (15 + number * 31 % 7 // 3 + number // 30 % 3) * GIB,
                at[number],
            )
            for number in numbers
        ),
    )


def running(workers: int = 8, tick: int = 0) -> Snapshot:
    """A run under way, `tick` seconds after NOW."""
    done = 128_412 + tick
    return Snapshot(
        state=State.RUNNING,
        time=NOW + tick,
        hold=None,
        batches=(
            BatchSnapshot.of(
                "newspapers", Account(301_646, 190_000 - tick, workers, 111_646 - workers - 6 + tick, 6)
            ),
            BatchSnapshot.of("manuscripts", Account(86_000, 69_200, 0, 16_397, 389, 14)),
            BatchSnapshot.of("photographs", Account(42_411, 41_957, 0, 372, 82)),
        ),
        workers=tuple(worker(slot, tick) for slot in range(workers)),
        memory=MemorySnapshot(
            total=48 * GIB,
            available=31 * GIB - (tick * 97 % 700) * MIB,
            floor=round(4.8 * GIB),
            committed=3 * GIB,
            headroom=round(23.2 * GIB),
        ),
        rates=Rates(1.103 + (tick % 5) / 100, 41.7, 18.53e6, 7.52e6),
        store=StoreSnapshot("s3://holdings/jpeg", 3, 41_000_000, 2, 20 * GIB),
        eta_seconds=274_320.0 - tick,
        eta_range_seconds=None,
        elapsed_seconds=116_520.0 + tick,
        bytes=Bytes(done * 16_800_000, done * 6_810_000),
        failures_by_cause={"truncated": 312, "source-missing": 110, "corrupt": 55},
        failures_this_run=21,
        workers_wanted=workers,
        workers_asked=workers,
        engine=EngineIdentity(4711, NOW - 116_520, "0.1.0"),
        orders=(),
        survey=SurveySnapshot(430_057, 430_057, 21),
        volumes=(
            VolumeSnapshot(VolumeName.STORE, problem="an S3 store does not say how much it can take"),
            VolumeSnapshot(
                VolumeName.SCRATCH,
                "/srv/holdings/scratch",
                212_000_000_000,
                500_000_000_000,
                22_000_000_000,
                True,
            ),
            VolumeSnapshot(
                VolumeName.LEDGER, "/srv/holdings", 212_000_000_000, 500_000_000_000, 22_000_000_000, True
            ),
        ),
        skipped=(),
        left_behind=(),
        pause=None,
        ended=None,
        outside_hours_until=None,
        recent=recent(NOW + tick),
    )


_PAGE = "newspapers/00005eed-0000-4000-8000-000000000000/"
EVENTS = tuple(
    Event(
        900 - number,
        NOW - 47 * number,
        level,
        kind,
        message,
        7 if name else None,
        4711,
        name and _PAGE + name,
    )
    for number, (level, kind, name, message) in enumerate(
        (
            (
                "error",
                "failed",
                "MS-Q-17_0101_recto.jpg",
                "truncated: the codestream ends 81,920 bytes early",
            ),
            ("info", "resumed", "", "there is memory again"),
            ("warning", "hold", "", "3.9 GiB of memory are available, 4.8 GiB must stay free"),
            ("info", "put-back", "map of the county [sheet 12].jpg", "its worker was stopped to free memory"),
            ("error", "failed", "glass [b]plate 00411.jpg", "corrupt: \x1b[31mred\x1b[0m"),
            ("info", "converted", "NB_0001_1887-03-14_0003.jpg", "16.8 MB to 6.8 MB, PSNR 41.2 dB, 9.4 s"),
            ("info", "engine", "", "resumed by anna (pts/3, reading-room)"),
            ("info", "engine", "", "paused by anna (pts/3, reading-room)"),
            ("info", "engine", "", "started, version 0.1.0, 6 workers"),
        )
    )
)


def engine_status(snapshot: Snapshot) -> EngineStatus:
    record = night_record(Ending.STOPPED)
    return EngineStatus(ConnectionState.ENGINE, snapshot, NOW - 600, events=EVENTS, record=record)


def paused() -> EngineStatus:
    by = Pause(Person("anna", "reading-room", "pts/3"), NOW - 1200)
    return engine_status(structs.replace(running(), state=State.PAUSED, pause=by))


def holding() -> EngineStatus:
    low = structs.replace(
        running().memory, available=round(3.9 * GIB), headroom=round(-1.4 * GIB), committed=GIB // 2
    )
    why = "3.9 GiB of memory are available, 4.8 GiB must stay free: nothing starts until others leave room."
    hold = Hold(HoldReason.MEMORY, why, NOW - 750, None)
    return engine_status(structs.replace(running(), state=State.HOLDING, hold=hold, memory=low))


def draining() -> EngineStatus:
    return engine_status(structs.replace(running(), state=State.DRAINING))


def disconnected() -> EngineStatus:
    last = engine_status(running())
    return replace(
        last, connection=ConnectionState.LOST, since=NOW - 130, problem="The engine does not answer any more."
    )


def finished() -> EngineStatus:
    whole = BatchSnapshot.of("newspapers", Account(301_646, 0, 0, 301_640, 6))
    rest = BatchSnapshot.of("manuscripts", Account(86_000, 0, 0, 85_986, 0, 14))
    snapshot = structs.replace(
        running(0),
        state=State.FINISHED,
        batches=(whole, rest),
        rates=Rates(),
        eta_seconds=None,
        engine=None,
        orders=(),
        pause=None,
        ended=None,
        memory=MemorySnapshot(),
        failures_by_cause={"source-missing": 6},
    )
    return EngineStatus(
        ConnectionState.LEDGER,
        snapshot,
        NOW - 600,
        events=EVENTS,
        run=night(snapshot, Ending.FINISHED),
        record=night_record(Ending.FINISHED),
    )


def night_record(how: Ending) -> RunRecord:
    """A run of a day and a half with everything in it."""
    hour = 3600.0
    began = NOW - 36 * hour
    until = NOW - 600
    crashed = EngineRecord(
        1, 4098, "reading-room", "0.1.0", began, began + 9 * hour, 9 * hour, Ending.DIED, ""
    )
    last = EngineRecord(
        2, 4711, "reading-room", "0.1.0", began + 9.2 * hour, until, until - began - 9.2 * hour, how, ""
    )
    away = "the store does not answer: connection refused"
    waits = (
        Wait(WaitKind.HELD, "store", away, began + 3 * hour, began + 4.5 * hour, 1.5 * hour),
        Wait(WaitKind.HELD, "memory", "2.1 GiB are free", began + 20 * hour, began + 21 * hour, 900.0, 31),
        Wait(WaitKind.PAUSED, "anna (pts/3, reading-room)", "", began + hour, began + 1.7 * hour, 0.7 * hour),
    )
    speed = tuple(
        Throughput(began + number * 600, 600.0, 700 + number % 7 * 40, 2.7e4, 11_800_000_000, 4_800_000_000)
        for number in range(200)
    )
    ended = until if how is Ending.FINISHED else None
    return RunRecord(3, began, ended, (crashed, last), waits, speed)


def night(snapshot: Snapshot, how: Ending) -> RunAccount:
    record, account = night_record(how), snapshot.totals
    figures = LedgerFigures({"newspapers": account}, 0, 0, tuple(snapshot.failures_by_cause.items()))
    return account_of(record, figures, {"source-missing": 2}, NOW - 600 - 86_400, is_running=False)


def stopped() -> EngineStatus:
    snapshot = structs.replace(running(0), state=State.STOPPED, engine=None, rates=Rates(), eta_seconds=None)
    return EngineStatus(
        ConnectionState.LEDGER,
        structs.replace(snapshot, memory=MemorySnapshot()),
        NOW - 600,
        events=EVENTS,
        run=night(snapshot, Ending.STOPPED),
        record=night_record(Ending.STOPPED),
    )


def empty() -> EngineStatus:
    return EngineStatus(
        ConnectionState.LEDGER, Snapshot.from_ledger(LedgerFigures({}, 0, 0, ()), NOW), NOW - 600
    )


STATUSES: dict[str, Callable[[], EngineStatus]] = {
    "running": lambda: engine_status(running()),
    "paused": paused,
    "holding": holding,
    "draining": draining,
    "disconnected": disconnected,
    "finished": finished,
    "stopped": stopped,
    "empty": empty,
}


def with_gpu() -> Snapshot:
    """A run with a card that decodes, and one that is not used any more."""
    spans = tuple(GpuSpan(60 + n * 7 % 40, 9_000 + n * 211 % 6_000, 300.0 + n * 37 % 400) for n in range(60))
    card = GpuSnapshot(
        name="NVIDIA H200 0",
        state=GpuState.READY,
        pid=4800,
        utilisation=0.94,
        memory=15 * GIB,
        memory_total=140 * GIB,
        megapixels_per_s=612.0,
        images=81_204,
        refused={"irreversible wavelet": 312, "subsampled components": 9},
        busy=0.91,
        recent=spans,
    )
    closed = structs.replace(
        card,
        name="NVIDIA H200 1",
        state=GpuState.CLOSED,
        problem="its process was killed by SIGSEGV",
    )
    return structs.replace(running(), gpus=(card, closed))
