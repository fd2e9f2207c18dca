"""A run as the ledger has it: the engines that worked on it, what kept them waiting, and how fast they were.

An engine writes what it knows of itself as it is at that moment, over what it wrote before: a note that could not be
written is made good by the next one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct, structs

from engine.ledger.statements import statements

_SQL = statements("runs")
Select = Callable[[str, Mapping[str, object]], list[sqlite3.Row]]


class Ending(StrEnum):
    """How an engine ended."""

    FINISHED = "finished"
    """Whatever it was to do was done."""
    DRAINED = "drained"
    STOPPED = "stopped"
    FAULT = "fault"
    """It ended by itself, and said why."""
    DIED = "died"
    """It was killed, or the machine went down."""


class WaitKind(StrEnum):
    """Why an engine that ran was not at work."""

    HELD = "held"
    PAUSED = "paused"
    ASLEEP = "asleep"
    """The machine or the process was suspended."""


class EngineRecord(Struct, frozen=True):
    id: int
    pid: int
    host: str
    version: str
    began: float
    """Unix time, s."""
    seen: float
    """Its last sign of life; Unix time, s."""
    lasted_s: float
    """Until then, by a clock that nobody sets."""
    how: Ending | None
    """None while it runs, and if it has died and no other has begun since."""
    why: str

    @property
    def clock_change_s(self) -> float:
        """How far the machine's clock was set forward (or back: negative) meanwhile."""
        return self.seen - self.began - self.lasted_s


class Wait(Struct, frozen=True):
    """A time in which an engine ran and was not at work; or several short ones close to one another."""

    kind: WaitKind
    reason: str
    """Of a hold; of a pause: who."""
    detail: str
    began: float
    """Unix time, s."""
    ended: float
    """So far, Unix time, s."""
    lasted_s: float
    times: int = 1


class Throughput(Struct, frozen=True):
    """What an engine got done in about ten minutes."""

    began: float
    """Unix time, s."""
    worked_s: float
    """Without holds and pauses."""
    images: int
    """That came into the store."""
    megapixels: float
    source_bytes: int
    jpeg_bytes: int


class RunRecord(Struct, frozen=True):
    number: int
    """From 1; each begins when there is work after all was finished."""
    began: float
    """Unix time, s."""
    ended: float | None
    """When all was finished; None while there is work left."""
    engines: tuple[EngineRecord, ...]
    """In their order, at least one."""
    waits: tuple[Wait, ...]
    throughput: tuple[Throughput, ...]


class RunNote(Struct, frozen=True):
    """What an engine has to write of its run now: the numbered records are those that are new or have changed."""

    run: int
    began: float
    """The run, Unix time, s."""
    ended: float | None
    engine: EngineRecord
    waits: Mapping[int, Wait]
    throughput: Mapping[int, Throughput]


class RunStart(Struct, frozen=True):
    """What an engine that begins has to know of those before it."""

    engine: int
    """The number that it takes."""
    run: int
    """The number of the run that it goes on with, or begins."""
    run_began: float | None
    """Unix time, s; None if the run begins with it."""
    died: tuple[EngineRecord, ...]
    """Engines that could not say how they ended."""


def last_run(select: Select) -> RunRecord | None:
    """None if no engine has begun with work to do. Reads a few rows for each hour of the run."""
    runs = select(_SQL["last_run"], {})
    if not runs:
        return None
    number, began, ended = runs[0]
    run = {"run": number}
    engines = tuple(map(_engine, select(_SQL["engines"], run)))
    waits = tuple(Wait(WaitKind(kind), *facts) for kind, *facts in select(_SQL["waits"], run))
    throughput = tuple(Throughput(*row) for row in select(_SQL["throughput"], run))
    return RunRecord(number, began, ended, engines, waits, throughput)


def start(db: sqlite3.Connection) -> RunStart:
    """For an engine that begins. Those before it that did not say how they ended have died."""
    died = tuple(map(_engine, db.execute(_SQL["died"]).fetchall()))
    last_engine, last, began, ended = db.execute(_SQL["last_numbers"]).fetchone()
    goes_on = last > 0 and ended is None
    return RunStart(last_engine + 1, last if goes_on else last + 1, began if goes_on else None, died)


def keep(db: sqlite3.Connection, note: RunNote) -> None:
    """Writes the note over earlier ones of the same run and engine."""
    engine, run = structs.asdict(note.engine), {"run": note.run, "began": note.began, "ended": note.ended}
    db.execute(_SQL["note_run"], run)
    db.execute(_SQL["note_engine"], {**engine, "run": note.run})
    for statement, records in (("note_wait", note.waits), ("note_throughput", note.throughput)):
        for number, record in records.items():
            db.execute(
                _SQL[statement], {**structs.asdict(record), "engine": note.engine.id, "number": number}
            )


def new_failures(select: Select, since: float) -> dict[str, int]:
    """By cause: images that are failed now, and failed after that time. Reads every failed image."""
    return dict(map(tuple, select(_SQL["new_failures"], {"since": since})))


def _engine(row: sqlite3.Row) -> EngineRecord:
    facts = dict(row)
    return EngineRecord(**{**facts, "how": Ending(facts["how"]) if facts["how"] else None})
