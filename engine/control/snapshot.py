"""The engine's state at one moment, as the TUI draws it and `status --json` prints it.

The Structs are the document: every field is a key of it, in its order. A snapshot comes over a socket, and it is
not known who listens there, so reading one checks all of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType, json, structs, to_builtins

from engine.control.gpu_snapshot import GpuSnapshot
from engine.control.numbers import Count, Number, Signed
from engine.control.process_snapshots import LeftBehind, WorkerSnapshot
from engine.control.recent import Recent
from engine.control.volume_snapshot import VolumeSnapshot
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.batch_order import BatchHold
from engine.ledger.order import Order
from engine.ledger.states import OrderKind


class State(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    HOLDING = "holding"
    DRAINING = "draining"
    FINISHED = "finished"
    STOPPED = "stopped"


class HoldReason(StrEnum):
    MEMORY = "memory"
    STORE = "store"
    SOURCE = "source"
    DISK = "disk"
    LEDGER = "ledger"
    UNEXPECTED = "unexpected"
    """Images fail one after another for a reason that nobody foresaw."""
    HOURS = "hours"
    """It is outside the hours of the settings; no trouble."""
    BATCH = "batch"
    """People hold every batch in which images wait."""
    HOSTS = "hosts"
    """The engine's own machine converts nothing, and no other is there that does; or all that is left is JPEGs on the
    scratch of hosts that may come back."""


class Hold(Struct, frozen=True):
    """The engine stopped itself."""

    reason: HoldReason
    detail: str
    """What happened and what to do, one line."""
    since: Number
    """Unix time, s."""
    until: Number | None
    """When it looks again, Unix time; None: as soon as there is room, or when somebody acts."""


class Person(Struct, frozen=True):
    """Who has given an order."""

    user: str
    host: str
    """Where they sit: the other end of their SSH connection, else this machine."""
    tty: str
    """Empty without a terminal."""

    def __str__(self) -> str:
        return f"{self.user} ({self.tty}, {self.host})" if self.tty else f"{self.user} ({self.host})"


class Pause(Struct, frozen=True):
    """A person stopped the engine."""

    by: Person
    since: Number
    """Unix time, s."""


class HeldBatch(Struct, frozen=True):
    """A person wants nothing of a batch to start."""

    by: Person
    since: Number
    """Unix time, s."""
    reason: str
    """Empty if none was given."""

    @classmethod
    def of(cls, hold: BatchHold) -> HeldBatch:
        return cls(json.decode(hold.by, type=Person), hold.since, hold.reason)


class BatchSnapshot(Struct, frozen=True):
    """A batch with its account; the six counts are those of `Account`."""

    name: str
    selected: bool
    """Part of this run."""
    rows: Count
    pending: Count
    in_flight: Count
    done: Count
    failed: Count
    accepted: Count
    held: HeldBatch | None = None
    """None if no person holds it."""

    @classmethod
    def of(
        cls, name: str, account: Account, selected: bool = True, hold: BatchHold | None = None
    ) -> BatchSnapshot:
        return cls(
            name,
            selected,
            account.rows,
            account.pending,
            account.in_flight,
            account.done,
            account.failed,
            account.accepted,
            None if hold is None else HeldBatch.of(hold),
        )

    @property
    def account(self) -> Account:
        return Account(self.rows, self.pending, self.in_flight, self.done, self.failed, self.accepted)


class HostState(StrEnum):
    WORKING = "working"
    IDLE = "idle"
    """None of its workers has an image."""
    HOLDING = "holding"
    DRAINING = "draining"
    """It finishes what it has, and leaves."""
    LOST = "lost"
    """It was there, and nothing is heard of it."""
    LEFT = "left"
    """It was there, and was drained or ended."""


class MemorySnapshot(Struct, frozen=True):
    """Bytes. headroom = available - floor - what is promised and not used yet (committed)."""

    total: Count = 0
    available: Count = 0
    floor: Count = 0
    committed: Count = 0
    headroom: Signed = 0


class Rates(Struct, frozen=True):
    """Over the last minutes of work: pauses, holds and the time before this engine do not count."""

    images_per_s: Number = 0.0
    megapixels_per_s: Number = 0.0
    source_bytes_per_s: Number = 0.0
    jpeg_bytes_per_s: Number = 0.0


class StoreSnapshot(Struct, frozen=True):
    """JPEGs on scratch that wait for the store, and the transfers under way."""

    url: str = ""
    waiting: Count = 0
    waiting_bytes: Count = 0
    transferring: Count = 0
    scratch_limit: Count = 0
    bandwidth_limit: Count | None = None
    """Bytes a second."""

    @property
    def sets_the_pace(self) -> bool:
        """Whether scratch is full, or nearly, because of the limit."""
        return self.bandwidth_limit is not None and self.waiting_bytes >= 0.9 * self.scratch_limit


class SurveySnapshot(Struct, frozen=True):
    """How far the headers of this run's images are read; batches that are held do not count."""

    images: Count = 0
    read: Count = 0
    failed: Count = 0
    """Of those that this engine has read, so many could not be."""

    @property
    def goes_on(self) -> bool:
        return self.read < self.images


class Gone(Struct, frozen=True):
    """Of a host that was lost or has left: what that means for its images."""

    since: Number
    """Unix time, s."""
    why: str
    put_back: Count
    """Images that it had and had not stored: others convert them, and no attempt counts."""
    waits_until: Number | None
    """Unix time, s: until then the JPEGs on its scratch wait for it, then their images start again too. None if there
    are none."""


class HostSnapshot(Struct, frozen=True):
    """A machine that converts, or has converted for this engine and is gone: then nothing of it is busy."""

    name: str
    """`here` is the engine's own."""
    state: HostState
    hold: Hold | None
    """What keeps this host alone from working."""
    cores: Count
    memory: MemorySnapshot
    rates: Rates
    workers: Count
    busy: Count
    """Of the workers, those that have an image."""
    waiting: Count
    """JPEGs on its scratch that are not in the store yet."""
    version: str
    address: str = ""
    """What the machine calls itself in its network."""
    joined: Number | None = None
    """When it came, Unix time, s; of the engine's own machine, when the engine began."""
    clock_ahead_seconds: Signed = 0
    """By how much its clock is ahead of the engine's, in whole seconds."""
    gone: Gone | None = None
    """If its state is lost or left, until it is back or forgotten."""


class Bytes(Struct, frozen=True):
    """Of the images that are done."""

    source: Count
    jpeg: Count


class EngineIdentity(Struct, frozen=True):
    pid: Count
    started: Number
    """Unix time, s."""
    version: str
    answers: bool = True
    """False where it is known by its lock alone: the rest of the snapshot is the ledger's then."""


class OrderSnapshot(Struct, frozen=True):
    """What a person has ordered about many images, and how far it is."""

    id: Count
    kind: OrderKind
    taken: Number
    """Unix time, s."""
    images: Count
    """To be looked at; of these, `seen` and `changed` so far."""
    seen: Count
    changed: Count
    ended: Number | None = None
    """None while it is in hand."""
    problem: str | None = None
    """Why it ended early."""

    @classmethod
    def of(cls, order: Order) -> OrderSnapshot:
        return cls(
            order.id,
            order.kind,
            order.taken,
            order.images,
            order.seen,
            order.changed,
            order.ended,
            order.problem,
        )


class Snapshot(Struct, frozen=True, kw_only=True):
    state: State
    time: Number
    """When this snapshot was taken, Unix time, s."""
    hold: Hold | None
    totals: Account = Account()
    """The sum of the batches, whatever is given."""
    batches: tuple[BatchSnapshot, ...]
    """In the order in which they are converted."""
    workers: tuple[WorkerSnapshot, ...]
    workers_wanted: Count
    workers_asked: Count
    """By a person, the settings or the machine's cores; more than `workers_wanted` where memory allows no more."""
    memory: MemorySnapshot
    rates: Rates
    store: StoreSnapshot
    eta_seconds: Number | None
    """None while nobody can know: nothing is finished yet, or the engine is not running."""
    eta_range_seconds: tuple[Number, Number] | None
    """The shortest and the longest that it may take."""
    elapsed_seconds: Number
    survey: SurveySnapshot
    volumes: tuple[VolumeSnapshot, ...]
    """Of store, scratch and ledger; empty without an engine."""
    bytes: Bytes
    failures_by_cause: dict[str, Count]
    """The most frequent cause first."""
    failures_this_run: Count
    engine: EngineIdentity | None
    """None when no engine runs and this is what the ledger alone shows."""
    orders: tuple[OrderSnapshot, ...]
    """In hand, the oldest first; without an engine, the next one goes on with them."""
    skipped: tuple[Count, ...]
    """Images that a person has skipped, which wait behind all others; the next one first."""
    left_behind: tuple[LeftBehind, ...]
    """Of this engine and earlier ones, until they end."""
    pause: Pause | None
    """None if it is not paused."""
    ended: str | None
    """Why no engine runs although nobody had ordered that, and there is work."""
    outside_hours_until: Number | None
    """It works outside the hours of the settings, because a person has resumed it; until then, Unix time, s."""
    recent: Recent = Recent()
    gpus: tuple[GpuSnapshot, ...] | UnsetType = UNSET
    """Left out where there is none."""
    decoded: dict[str, Count] | UnsetType = UNSET
    """Images converted in this run, by what decoded them (PixelsBy); left out where `gpus` is."""
    hosts: tuple[HostSnapshot, ...] | UnsetType = UNSET
    """The engine's own machine first; left out if no other one can join."""

    def __post_init__(self) -> None:
        structs.force_setattr(self, "totals", sum((batch.account for batch in self.batches), Account()))

    @property
    def rates_now(self) -> Rates:
        """Of this moment: nothing, while a pause or hold has left nothing in flight."""
        rests = self.state in (State.PAUSED, State.HOLDING) and self.totals.in_flight == 0
        return Rates() if rests else self.rates

    @classmethod
    def from_ledger(
        cls,
        figures: LedgerFigures,
        time: float,
        left_behind: Iterable[LeftBehind] = (),
        ended: str | None = None,
    ) -> Snapshot:
        """What the ledger alone shows, for when no engine runs. `time` is when it was read, Unix time, s; `ended` is
        why the last engine ended, if nobody had ordered that."""
        totals = figures.totals
        is_finished = totals.rows > 0 and totals.remaining == 0
        return cls(
            state=State.FINISHED if is_finished else State.STOPPED,
            time=time,
            hold=None,
            batches=tuple(
                BatchSnapshot.of(name, account, hold=figures.batch_holds.get(name))
                for name, account in figures.accounts.items()
            ),
            workers=(),
            workers_wanted=0,
            workers_asked=0,
            memory=MemorySnapshot(),
            rates=Rates(),
            store=StoreSnapshot(),
            eta_seconds=None,
            eta_range_seconds=None,
            elapsed_seconds=0.0,
            survey=SurveySnapshot(),
            volumes=(),
            bytes=Bytes(figures.source_bytes, figures.jpeg_bytes),
            failures_by_cause=dict(figures.failures_by_cause),
            failures_this_run=0,
            engine=None,
            orders=tuple(map(OrderSnapshot.of, figures.orders)),
            skipped=(),
            left_behind=tuple(left_behind),
            pause=None,
            ended=None if is_finished else ended,
            outside_hours_until=None,
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `status --json`: all but what only curves are drawn from.

        Where no other machine can join, it says nothing of hosts."""
        document: dict[str, Any] = to_builtins(self)
        del document["recent"]
        if self.hosts is UNSET:
            for worker in document["workers"]:
                del worker["host"]
        return document
