"""The supervisor's questions stay quick in a large ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from tests.support.ledgers import make_ledger, surveyed


def test_the_supervisor_s_questions_and_a_page_of_failures_are_quick_in_a_large_ledger(
    tmp_path: Path,
) -> None:
    workspace = make_ledger(tmp_path / "ws", 30_000, failed=10_000)
    with Ledger.open(workspace) as ledger, LedgerReader(workspace) as reader:
        ledger.surveyed([surveyed(i, width=i % 977 + 1) for i in range(10_001, 20_001)])
        questions: tuple[tuple[float, Callable[[], object]], ...] = (
            (0.005, ledger.account),
            (0.010, lambda: ledger.queue.to_convert(None, 32)),
            (0.010, lambda: ledger.queue.to_survey(None, 32)),
            (0.010, lambda: ledger.neighbours_of(25_000)),
            (0.010, reader.figures),
            (0.2, lambda: reader.images(ImageFilter(state="failed"), sort="message", limit=100)),
            (0.2, lambda: reader.images(ImageFilter(state="failed", text="p0007"), limit=100)),
            (0.2, lambda: reader.images(limit=100, offset=29_000)),
        )
        for limit_s, ask in questions:
            assert quickest(ask) < limit_s, ask


def quickest(ask: Callable[[], object], times: int = 5) -> float:
    """Seconds, of the quickest of several: other processes take time as well."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
