"""Records of a run as an engine leaves them in the ledger: one night, told in hours after its beginning."""

from __future__ import annotations

import time

from engine.ledger.account import Account, LedgerFigures
from engine.ledger.runs import Ending, EngineRecord, RunRecord, Throughput, Wait, WaitKind

HOUR = 3600.0
BEGAN = time.mktime((2026, 3, 1, 18, 0, 0, 0, 0, -1))
"""Local, so that times of day are the same wherever the tests run."""


def engine(
    began_h: float, until_h: float, how: Ending | None, why: str = "", *, clock_change_s: float = 0.0
) -> EngineRecord:
    began, seen = BEGAN + began_h * HOUR, BEGAN + until_h * HOUR + clock_change_s
    lasted_s = (until_h - began_h) * HOUR
    return EngineRecord(1, 4711, "reading-room", "0.1.0", began, seen, lasted_s, how, why)


def wait(kind: WaitKind, reason: str, began_h: float, lasted_s: float, times: int = 1) -> Wait:
    began = BEGAN + began_h * HOUR
    return Wait(kind, reason, f"why: {reason}", began, began + lasted_s, lasted_s, times)


def span(began_h: float, images: int, worked_s: float = 600.0) -> Throughput:
    return Throughput(BEGAN + began_h * HOUR, worked_s, images, images * 39.0, images * 1000, images * 400)


def run(
    *engines: EngineRecord,
    ended_h: float | None = None,
    waits: tuple[Wait, ...] = (),
    throughput: tuple[Throughput, ...] = (),
) -> RunRecord:
    ended = BEGAN + ended_h * HOUR if ended_h is not None else None
    return RunRecord(1, BEGAN, ended, engines, waits, throughput)


def figures(*, pending: int = 0, done: int = 0, failed: int = 0) -> LedgerFigures:
    account = Account(pending + done + failed, pending, 0, done, failed, 0)
    causes = (("source-missing", failed - 1), ("truncated", 1)) if failed > 1 else ()
    return LedgerFigures({"maps": account}, 0, 0, causes)
