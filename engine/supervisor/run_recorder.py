"""Keeps the record of the run in the ledger: when it began and ended, what the engine waited for, how fast it was.

A note is written at once when something changes, and every few seconds as a sign of life: after a crash, what was going
on is known to have gone on until then."""

from __future__ import annotations

import os
import socket
import time

from engine import __version__
from engine.formatting import date_and_second
from engine.ledger.runs import Ending, EngineRecord, RunNote, RunStart
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.run_times import Doing, Moment, RunTimes, Stored

_SIGN_OF_LIFE_S = 5.0
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class RunRecorder:
    def __init__(self, ledger: EngineLedger) -> None:
        self._ledger = ledger
        self._times = RunTimes(_now())
        self._start: RunStart | None = None
        self._run_began: float | None = None
        """None until there is work."""
        self._ended: float | None = None
        self._how: Ending | None = None
        self._why = ""
        self._noted_s = float("-inf")
        """By the steady clock."""
        self._must_note = False

    def begin(self) -> tuple[EngineRecord, ...]:
        """In the engine's first transaction; returns the engines before it that could not say how they ended."""
        self._start = self._ledger.start_run()
        return self._start.died

    def pass_time(self, doing: Doing) -> None:
        """At every turn, also while the ledger cannot be written."""
        self._must_note |= self._times.pass_time(_now(), doing)

    def note(self, stored: Stored, *, has_work: bool) -> None:
        """In a transaction: what has changed, if anything has."""
        if self._run_began is None:
            if not has_work or self._start is None:
                return
            self._run_began = self._start.run_began or self._times.until.unix_s
        elif self._how is not None:
            if not has_work:
                return
            self._ended, self._how = None, None
        self._must_note |= self._times.stored(stored)
        if self._must_note or self._times.until.steady_s - self._noted_s >= _SIGN_OF_LIFE_S:
            self._write()

    def end(self, how: Ending, why: str = "", *, closes_run: bool = False) -> None:
        """The engine leaves, unless there is work again before it has left.

        `closes_run`: also the run that another engine had begun, if that one died between its last image and its end
        and nothing was left for this one."""
        self._how, self._why = how, why
        if closes_run and how is Ending.FINISHED and self._run_began is None and self._start is not None:
            self._run_began = self._start.run_began
        if how is Ending.FINISHED:
            self._ended = time.time()
        if self._run_began is not None:
            self._times.pass_time(_now(), Doing())
            self._write()

    def _write(self) -> None:
        assert self._start is not None
        assert self._run_began is not None
        times = self._times
        engine = EngineRecord(
            id=self._start.engine,
            pid=os.getpid(),
            host=socket.gethostname(),
            version=__version__,
            began=times.began.unix_s,
            seen=times.until.unix_s,
            lasted_s=times.lasted_s,
            how=self._how,
            why=self._why,
        )
        waits, throughput = times.take_changes()
        note = RunNote(self._start.run, self._run_began, self._ended, engine, waits, throughput)
        self._ledger.keep_run(note)
        self._noted_s, self._must_note = times.until.steady_s, False


def engine_died(engine: EngineRecord) -> str:
    """What is said of an engine that could not say how it ended."""
    began, seen = date_and_second(engine.began), date_and_second(engine.seen)
    return (
        f"the engine before (process {engine.pid} on {engine.host}, since {began}) was killed, or the machine went "
        f"down: its last sign of life was at {seen}; nothing that is done is lost"
    )


def _now() -> Moment:
    return Moment(time.clock_gettime(_STEADY), time.time())
