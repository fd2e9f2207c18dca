"""What happened in a run, put together from the ledger's records of it.

The run's time has five parts that do not overlap and together are all of it: at work, held, paused, asleep, and
without an engine. While the engine is paused and would hold too, that is a pause. How long something took is measured
by a clock that nobody sets; only between two engines there is no other than the machine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from engine.formatting import DAY
from engine.ledger.account import LedgerFigures
from engine.ledger.runs import Ending, EngineRecord, RunRecord, Throughput, Wait, WaitKind

_LEAST_SPAN_S = 60.0
"""A shorter span of work says little about the best rate."""
_CLOCK_CHANGED_S = 5.0


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    DRAINED = "drained"
    STOPPED = "stopped"
    DIED = "died"
    """The engine was killed, or ended by a fault; there is work left."""


class HeldFor(Struct, frozen=True):
    """All holds of a run for the same reason."""

    reason: str
    seconds: float
    times: int
    longest_began: float
    """Unix time, s, like `longest_ended`; in between are other short ones if there were many."""
    longest_ended: float
    detail: str
    """Of the longest."""


class PausedBy(Struct, frozen=True):
    by: str
    began: float
    """Unix time, s."""
    ended: float
    seconds: float


class Crash(Struct, frozen=True):
    """An engine that ended although nobody had ordered that."""

    pid: int
    time: float
    """Its last sign of life, Unix time, s."""
    why: str
    """Empty if it could not say."""
    seconds_until_next: float | None
    """Without an engine; None if no other has begun."""


class FailedFor(Struct, frozen=True):
    cause: str
    images: int
    """That are failed now."""
    new: int
    """Of these, in the last day of the run."""


class RunAccount(Struct, frozen=True, kw_only=True):
    """Times are Unix times in s; images and bytes are those that came into the store in this run."""

    number: int
    state: RunState
    began: float
    ended: float
    """When all was finished, or the last engine's last sign of life."""
    seconds: float
    at_work_seconds: float
    held_seconds: float
    paused_seconds: float
    asleep_seconds: float
    off_seconds: float
    """Without an engine, between two."""
    holds: tuple[HeldFor, ...]
    """The longest first."""
    pauses: tuple[PausedBy, ...]
    starts: int
    """Of engines."""
    crashes: tuple[Crash, ...]
    clock_change_seconds: float
    """How far the machine's clock was set forward (or back: negative) while engines ran; 0 if it was not."""
    images: int
    source_bytes: int
    jpeg_bytes: int
    images_per_s: float | None
    """While at work, like the best; None if too little is known."""
    best_images_per_s: float | None
    best_began: float | None
    failures: tuple[FailedFor, ...]
    """The most frequent cause first."""
    new_since: float
    """What failed later than this counts as new; before `began` if the run took less than a day."""
    rows: int
    """Of the whole ledger, like what follows."""
    remaining: int
    failed: int
    orders: int
    """In hand."""
    held_back: int = 0
    """Pending images of batches that people hold."""

    @property
    def restarts(self) -> int:
        return self.starts - 1


def account_of(
    run: RunRecord,
    figures: LedgerFigures,
    new_failures: Mapping[str, int],
    new_since: float,
    *,
    is_running: bool,
) -> RunAccount:
    """`new_failures` are the images that are failed now and failed after `new_since`, by cause. `is_running`: an engine
    holds the ledger's lock, so that one which has not said how it ended has not ended."""
    held, paused, asleep = (_seconds(run.waits, kind) for kind in WaitKind)
    ran, off = sum(engine.lasted_s for engine in run.engines), sum(_gaps(run.engines))
    best = _best(run.throughput)
    images = sum(span.images for span in run.throughput)
    worked = sum(span.worked_s for span in run.throughput)
    change = sum(engine.clock_change_s for engine in run.engines)
    totals = figures.totals
    return RunAccount(
        number=run.number,
        state=_state(run, is_running=is_running),
        began=run.began,
        ended=end_of(run),
        seconds=ran + off,
        at_work_seconds=max(0.0, ran - held - paused - asleep),
        held_seconds=held,
        paused_seconds=paused,
        asleep_seconds=asleep,
        off_seconds=off,
        holds=_holds(run.waits),
        pauses=tuple(
            PausedBy(wait.reason, wait.began, wait.ended, wait.lasted_s)
            for wait in run.waits
            if wait.kind is WaitKind.PAUSED
        ),
        starts=len(run.engines),
        crashes=_crashes(run, is_running=is_running),
        clock_change_seconds=change if abs(change) >= _CLOCK_CHANGED_S else 0.0,
        images=images,
        source_bytes=sum(span.source_bytes for span in run.throughput),
        jpeg_bytes=sum(span.jpeg_bytes for span in run.throughput),
        images_per_s=images / worked if images and worked else None,
        best_images_per_s=best.images / best.worked_s if best else None,
        best_began=best.began if best else None,
        failures=tuple(
            FailedFor(cause, count, new_failures.get(cause, 0)) for cause, count in figures.failures_by_cause
        ),
        new_since=new_since,
        rows=totals.rows,
        remaining=totals.remaining,
        failed=totals.failed,
        orders=len(figures.orders),
        held_back=sum(each.pending for name, each in figures.accounts.items() if name in figures.batch_holds),
    )


def end_of(run: RunRecord) -> float:
    """When all was finished; else the last sign of life. Unix time, s."""
    return run.ended if run.ended is not None else run.engines[-1].seen


def new_from(run: RunRecord) -> float:
    """What failed later is new: in the last day of the run."""
    return end_of(run) - DAY


def _state(run: RunRecord, *, is_running: bool) -> RunState:
    if run.ended is not None:
        return RunState.FINISHED
    match run.engines[-1].how:
        case None | Ending.DIED if (
            is_running
        ):  # that one, or one that has just begun and has noted nothing yet
            return RunState.RUNNING
        case Ending.DRAINED:
            return RunState.DRAINED
        case Ending.STOPPED | Ending.FINISHED:
            return RunState.STOPPED
    return RunState.DIED


def _seconds(waits: Iterable[Wait], kind: WaitKind) -> float:
    return sum(wait.lasted_s for wait in waits if wait.kind is kind)


def _gaps(engines: Sequence[EngineRecord]) -> list[float]:
    """Without an engine, after each but the last. A clock that was set back meanwhile makes none."""
    return [max(0.0, later.began - earlier.seen) for earlier, later in pairwise(engines)]


def _holds(waits: Iterable[Wait]) -> tuple[HeldFor, ...]:
    by_reason: dict[str, list[Wait]] = {}
    for wait in waits:
        if wait.kind is WaitKind.HELD:
            by_reason.setdefault(wait.reason, []).append(wait)
    holds = []
    for reason, found in by_reason.items():
        longest = max(found, key=lambda wait: wait.lasted_s)
        times, seconds = sum(wait.times for wait in found), sum(wait.lasted_s for wait in found)
        holds.append(HeldFor(reason, seconds, times, longest.began, longest.ended, longest.detail))
    return tuple(sorted(holds, key=lambda hold: -hold.seconds))


def _crashes(run: RunRecord, *, is_running: bool) -> tuple[Crash, ...]:
    """Of the last engine too, if it does not run: then it could not say how it ended."""
    gaps = [*_gaps(run.engines), None]
    crashes = []
    for number, (engine, gap) in enumerate(zip(run.engines, gaps, strict=True), start=1):
        how = engine.how
        if how is None and (number < len(run.engines) or not is_running):
            how = Ending.DIED
        if how in (Ending.DIED, Ending.FAULT):
            crashes.append(Crash(engine.pid, engine.seen, engine.why, gap))
    return tuple(crashes)


def _best(spans: Iterable[Throughput]) -> Throughput | None:
    long = [span for span in spans if span.images and span.worked_s >= _LEAST_SPAN_S]
    return max(long, key=lambda span: span.images / span.worked_s, default=None)
