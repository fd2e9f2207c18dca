"""The engine's state at one moment, as the TUI draws it and `status --json` prints it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from engine.ledger.account import Account, LedgerFigures


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


@dataclass(frozen=True)
class Hold:
    """The engine stopped itself."""

    reason: str
    """One of HoldReason."""
    detail: str
    """What happened and what to do, one line."""
    since: float
    """Unix time, s."""
    until: float | None
    """When it looks again, Unix time; None: as soon as there is room, or when somebody acts."""


@dataclass(frozen=True)
class BatchSnapshot:
    name: str
    account: Account
    selected: bool = True
    """Part of this run."""


@dataclass(frozen=True)
class WorkerSnapshot:
    slot: int
    pid: int | None
    phase: str
    image_id: int | None
    image: str
    """The target's file name; empty when idle."""
    megapixels: float | None
    seconds: float | None
    """In this image."""
    rss_bytes: int | None
    predicted_bytes: int | None
    threads: int = 1


@dataclass(frozen=True)
class MemorySnapshot:
    """Bytes. headroom = available - floor - what is promised and not used yet (committed)."""

    total: int = 0
    available: int = 0
    floor: int = 0
    committed: int = 0
    headroom: int = 0


@dataclass(frozen=True)
class Rates:
    """Over the last minutes of work: pauses, holds and the time before this engine do not count."""

    images_per_s: float = 0.0
    megapixels_per_s: float = 0.0
    source_bytes_per_s: float = 0.0
    jpeg_bytes_per_s: float = 0.0


@dataclass(frozen=True)
class StoreSnapshot:
    """JPEGs on scratch that wait for the store, and the transfers under way."""

    url: str = ""
    waiting: int = 0
    waiting_bytes: int = 0
    transferring: int = 0
    scratch_limit: int = 0


@dataclass(frozen=True)
class EngineIdentity:
    pid: int
    started: float
    """Unix time, s."""
    version: str
    answers: bool = True
    """False where it is known by its lock alone: the rest of the snapshot is the ledger's then."""


@dataclass(frozen=True)
class Snapshot:
    state: State
    time: float
    """When this picture was taken, Unix time, s."""
    hold: Hold | None = None
    batches: tuple[BatchSnapshot, ...] = ()
    workers: tuple[WorkerSnapshot, ...] = ()
    memory: MemorySnapshot = field(default_factory=MemorySnapshot)
    rates: Rates = field(default_factory=Rates)
    store: StoreSnapshot = field(default_factory=StoreSnapshot)
    eta_seconds: float | None = None
    """None while nobody can know: nothing is finished yet, or the engine is not running."""
    elapsed_seconds: float = 0.0
    source_bytes: int = 0
    """Of the images done."""
    jpeg_bytes: int = 0
    failures_by_cause: tuple[tuple[str, int], ...] = ()
    """Most first."""
    failures_this_run: int = 0
    workers_wanted: int = 0
    workers_asked: int = 0
    """By a person, the settings or the machine's cores; more than `workers_wanted` where memory allows no more."""
    engine: EngineIdentity | None = None
    """None when no engine runs and this is the ledger's own picture."""

    @property
    def rates_now(self) -> Rates:
        """Of this moment: nothing, while a pause or hold has left nothing in flight."""
        rests = self.state in (State.PAUSED, State.HOLDING) and self.totals.in_flight == 0
        return Rates() if rests else self.rates

    @property
    def totals(self) -> Account:
        return sum((b.account for b in self.batches), Account())

    @classmethod
    def from_ledger(cls, figures: LedgerFigures, time: float) -> Snapshot:
        """What the ledger alone tells, for when no engine runs. `time` is when it was read, Unix time, s."""
        totals = figures.totals
        is_finished = totals.rows > 0 and totals.remaining == 0
        return cls(
            state=State.FINISHED if is_finished else State.STOPPED,
            time=time,
            batches=tuple(BatchSnapshot(name, account) for name, account in figures.accounts.items()),
            source_bytes=figures.source_bytes,
            jpeg_bytes=figures.jpeg_bytes,
            failures_by_cause=figures.failures_by_cause,
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `status --json`."""
        return {
            "state": self.state.value,
            "time": self.time,
            "hold": asdict(self.hold) if self.hold else None,
            "totals": asdict(self.totals),
            "batches": [{"name": b.name, "selected": b.selected, **asdict(b.account)} for b in self.batches],
            "workers": [asdict(w) for w in self.workers],
            "workers_wanted": self.workers_wanted,
            "workers_asked": self.workers_asked,
            "memory": asdict(self.memory),
            "rates": asdict(self.rates),
            "store": asdict(self.store),
            "eta_seconds": self.eta_seconds,
            "elapsed_seconds": self.elapsed_seconds,
            "bytes": {"source": self.source_bytes, "jpeg": self.jpeg_bytes},
            "failures_by_cause": dict(self.failures_by_cause),
            "failures_this_run": self.failures_this_run,
            "engine": asdict(self.engine) if self.engine else None,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Snapshot:
        """The snapshot that `to_json` wrote; raises KeyError or TypeError on another shape."""
        accounts = ("rows", "pending", "in_flight", "done", "failed", "accepted")
        return cls(
            state=State(document["state"]),
            time=document["time"],
            hold=Hold(**document["hold"]) if document["hold"] else None,
            batches=tuple(
                BatchSnapshot(b["name"], Account(*(b[key] for key in accounts)), b["selected"])
                for b in document["batches"]
            ),
            workers=tuple(WorkerSnapshot(**w) for w in document["workers"]),
            workers_wanted=document["workers_wanted"],
            workers_asked=document["workers_asked"],
            memory=MemorySnapshot(**document["memory"]),
            rates=Rates(**document["rates"]),
            store=StoreSnapshot(**document["store"]),
            eta_seconds=document["eta_seconds"],
            elapsed_seconds=document["elapsed_seconds"],
            source_bytes=document["bytes"]["source"],
            jpeg_bytes=document["bytes"]["jpeg"],
            failures_by_cause=tuple(document["failures_by_cause"].items()),
            failures_this_run=document["failures_this_run"],
            engine=EngineIdentity(**document["engine"]) if document["engine"] else None,
        )
