"""A link that shows the app any picture and writes down its orders; for tests, and for looking at the app.

python -m tests.support.fake_poller running
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from msgspec import structs

from engine.control.requests import (
    Accept,
    CountReply,
    Drain,
    InFlightReply,
    Pause,
    Reply,
    Requeue,
    SetWorkers,
    Stop,
    StopReply,
    WorkersReply,
)
from engine.control.snapshot import (
    BatchSnapshot,
    Bytes,
    EngineIdentity,
    Hold,
    HoldReason,
    MemorySnapshot,
    Rates,
    Snapshot,
    State,
    StoreSnapshot,
    WorkerSnapshot,
)
from engine.failures import Stage
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.models import Event
from tui.connection.engine_commands import EngineCommand
from tui.connection.poller import CommandAnswered, Post, StatusArrived
from tui.state.status import ConnectionState, EngineStatus
from tui.state.view import ActionResult

NOW = 1_772_409_845.0
"""2026-03-02 00:04:05 UTC: the time in the pictures."""
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
        elapsed_seconds=116_520.0 + tick,
        bytes=Bytes(done * 16_800_000, done * 6_810_000),
        failures_by_cause={"truncated": 312, "source-missing": 110, "corrupt": 55},
        failures_this_run=21,
        workers_wanted=workers,
        workers_asked=workers,
        engine=EngineIdentity(4711, NOW - 116_520, "0.1.0"),
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
            ("info", "engine", "", "resumed by a person"),
            ("info", "engine", "", "paused by a person"),
            ("info", "engine", "", "started, version 0.1.0, 6 workers"),
        )
    )
)


CONVERTED = tuple(
    moment + number * 10 / count
    for moment in range(int(NOW) - 1200, int(NOW), 10)
    for count in (6 + moment // 10 * 7919 % 5 + moment // 200 % 4,)
    for number in range(count)
)
"""Twenty minutes of images before NOW, now more, now fewer of them."""


def engine_status(snapshot: Snapshot) -> EngineStatus:
    return EngineStatus(ConnectionState.ENGINE, snapshot, NOW - 600, events=EVENTS, converted=CONVERTED)


def paused() -> EngineStatus:
    return engine_status(structs.replace(running(), state=State.PAUSED))


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
        memory=MemorySnapshot(),
        failures_by_cause={"source-missing": 6},
    )
    return EngineStatus(ConnectionState.LEDGER, snapshot, NOW - 600, events=EVENTS)


def stopped() -> EngineStatus:
    snapshot = structs.replace(running(0), state=State.STOPPED, engine=None, rates=Rates(), eta_seconds=None)
    return EngineStatus(
        ConnectionState.LEDGER, structs.replace(snapshot, memory=MemorySnapshot()), NOW - 600, events=EVENTS
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


def taken(command: EngineCommand) -> Reply:
    """The reply of an engine that does what it is asked."""
    match command.request:
        case SetWorkers(count):
            return WorkersReply(before=count, count=count)
        case Requeue() | Accept():
            return CountReply(count=1)
        case Pause() | Drain():
            return InFlightReply(in_flight=0)
        case Stop():
            return StopReply(in_flight=0, on_scratch=0)
    return Reply()


class FakePoller:
    """Shows `picture` when opened and whenever `show` is called; answers every order as `reply` says."""

    def __init__(self, status: EngineStatus) -> None:
        self.status = status
        self.sent: list[EngineCommand] = []
        self.taken = 0
        self.reply: Callable[[EngineCommand], Reply | str] = taken
        """What the engine answers; a text where it refuses or does not answer."""
        self.closed = False
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
        self.taken += 1

    def send(self, command: EngineCommand) -> None:
        self.sent.append(command)
        self.answer(command)

    def answer(self, command: EngineCommand) -> None:
        reply = self.reply(command)
        if isinstance(reply, str):
            self._post(CommandAnswered(command, ActionResult(reply, good=False), None))
        else:
            self._post(CommandAnswered(command, command.result_of(reply), reply))


class SteadyPoller(FakePoller):
    """A run that goes on: another picture every `period_s`, when the last is drawn, as from an engine."""

    def __init__(self, status: EngineStatus, period_s: float = 1.0) -> None:
        super().__init__(status)
        self._period_s = period_s
        self._closing = threading.Event()
        self._taken = threading.Event()

    def open(self, post: Post) -> None:
        super().open(post)
        threading.Thread(target=self._go_on, daemon=True).start()

    def _go_on(self) -> None:
        began, tick = time.time(), 0
        while not self._closing.wait(self._period_s):
            self._taken.wait()
            self._taken.clear()
            if self.status.connection is not ConnectionState.ENGINE:
                return
            tick += 1
            self.show(replace(self.status, snapshot=structs.replace(running(tick=tick), time=began + tick)))

    def status_drawn(self) -> None:
        super().status_drawn()
        self._taken.set()

    def close(self) -> None:
        super().close()
        self._closing.set()
        self._taken.set()


def main() -> None:
    """Runs the app on a picture, or on a run that goes on: `steady`, `flood` (never rests), `ending` (with a bell)."""
    from pathlib import Path

    from engine.ledger.reader import LedgerReader
    from engine.workspace import Workspace
    from tui.app import PhotostatApp
    from tui.connection.ledger_thread import LedgerThread
    from tui.terminal import HangUpWatch

    name = sys.argv[1] if len(sys.argv) > 1 else "steady"
    root = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
    moving = {"steady": 1.0, "flood": 0.01, "ending": 1.0}
    status = STATUSES["running" if name in moving else name]()
    poller = SteadyPoller(status, moving[name]) if name in moving else FakePoller(status)
    if name == "ending":
        threading.Timer(3.0, lambda: poller.show(STATUSES["finished"]())).start()
    frozen = None if name in moving else NOW
    app = PhotostatApp(
        poller,
        LedgerThread(lambda: LedgerReader(Workspace(root))),
        bell=name == "ending",
        clock=time.time if frozen is None else lambda: NOW,
    )
    with HangUpWatch():
        app.run(mouse=False)
    if app.crash is not None:
        raise app.crash


if __name__ == "__main__":
    main()
