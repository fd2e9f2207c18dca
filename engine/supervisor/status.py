"""The snapshot that clients get, put together from the stages of the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial

from msgspec import UNSET, Struct, structs

from engine import __version__
from engine.control.gpu_snapshot import GpuSnapshot
from engine.control.process_snapshots import WorkerSnapshot
from engine.control.recent import Recent
from engine.control.snapshot import (
    BatchSnapshot,
    Bytes,
    EngineIdentity,
    Hold,
    HoldReason,
    OrderSnapshot,
    Pause,
    Snapshot,
    State,
    StoreSnapshot,
    SurveySnapshot,
)
from engine.hosts.base import HERE
from engine.ledger.account import LedgerFigures, Outstanding
from engine.supervisor.context import RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.progress import InHand, Progress, SurveyPace
from engine.supervisor.recent_spans import RecentSpans
from engine.supervisor.volumes import ComingBytes, Volumes
from engine.supervisor.working_hours import WorkingHours


class Measured(Struct, frozen=True):
    """What the engine measures of its run."""

    started: float
    """Monotonic, s."""
    progress: Progress
    recent: RecentSpans
    volumes: Volumes


def take_snapshot(
    run: RunContext,
    crews: Crews,
    measured: Measured,
    *,
    state: State,
    hold: Hold | None,
    workers_asked: int,
    pause: Pause | None,
    failures: int,
    hours: WorkingHours,
    pace: SurveyPace,
) -> Snapshot:
    """The engine as it is now, cheap enough for many clients a second."""
    here, now, wanted = crews.here, time.monotonic(), run.batches
    figures, progress = run.ledger.figures(), measured.progress
    count = partial(run.ledger.outstanding, run.batches)
    outstanding = progress.outstanding(now, count, pace)
    workers = tuple(worker for crew in crews for worker in crew.converting.snapshots(now))
    in_hand = in_hand_now(figures, wanted, workers)
    left = eta_range_s(
        state,
        hold,
        lambda: progress.eta_range_s(now, count, pace, in_hand),
        lambda work_s: hours.seconds_for(work_s, time.time()),
    )
    return Snapshot(
        state=state,
        time=time.time(),
        hold=hold,
        batches=_batches(figures, wanted),
        workers=workers,
        workers_wanted=here.converting.pool.wanted,
        workers_asked=workers_asked,
        memory=here.dispatch.snapshot(),
        rates=progress.rates(),
        store=_store(run, crews),
        eta_seconds=sum(left) / 2 if left else None,
        eta_range_seconds=left,
        elapsed_seconds=now - measured.started,
        survey=_survey(figures, wanted, progress.headers_left(pace), pace),
        volumes=measured.volumes.snapshot(now, _coming(run, figures, progress, outstanding, pace)),
        bytes=Bytes(figures.source_bytes, figures.jpeg_bytes),
        failures_by_cause=dict(figures.failures_by_cause),
        failures_this_run=failures,
        skipped=run.skipped.ids,
        left_behind=run.children.left_behind,
        engine=EngineIdentity(os.getpid(), time.time() - (now - measured.started), __version__),
        orders=tuple(map(OrderSnapshot.of, figures.orders)),
        pause=pause,
        ended=None,
        outside_hours_until=hours.overruled_until,
        recent=_recent(run, crews, measured.recent),
        gpus=(gpus := _gpus(run, crews, now)) or UNSET,
        decoded=run.gpus.decoded() if gpus else UNSET,
        hosts=crews.snapshots() if run.config.cluster.lets_others_join else UNSET,
    )


def _gpus(run: RunContext, crews: Crews, now: float) -> tuple[GpuSnapshot, ...]:
    """Those of all machines."""
    if not run.config.cluster.lets_others_join:
        return run.gpus.snapshots(now)
    named = ((crew.context.gpus, crew.context.host.name or HERE) for crew in crews)
    return tuple(gpu for gpus, name in named for gpu in gpus.snapshots(now, name))


def _recent(run: RunContext, crews: Crews, recent: RecentSpans) -> Recent:
    found = recent.snapshot()
    if not run.config.cluster.lets_others_join:
        return found
    memory = {crew.context.host.name or HERE: crew.recent_memory.snapshot() for crew in crews.converting}
    return structs.replace(found, memory=memory)


def in_hand_now(
    figures: LedgerFigures, wanted: Collection[str] | None, workers: Sequence[WorkerSnapshot]
) -> InHand:
    """Of the batches of this run; nothing pending of a held one starts, but what of it is in flight is finished."""
    of_run = {name: account for name, account in figures.accounts.items() if wanted is None or name in wanted}
    return InHand(
        sum(account.pending for name, account in of_run.items() if name not in figures.batch_holds),
        sum(account.in_flight for account in of_run.values()),
        max((rest_s(worker) for worker in workers), default=0.0),
    )


def rest_s(worker: WorkerSnapshot) -> float:
    """How long its image should still take; 0 if that is not known, or is over."""
    return max(0.0, (worker.predicted_seconds or 0.0) - (worker.seconds or 0.0))


def eta_range_s(
    state: State,
    hold: Hold | None,
    work_s: Callable[[], tuple[float, float] | None],
    seconds_for: Callable[[float], float],
) -> tuple[float, float] | None:
    """Nobody knows when a run that does not run continues, unless it only waits for its hours."""
    is_known = state is State.RUNNING or (hold is not None and hold.reason is HoldReason.HOURS)
    work = work_s() if is_known and state is not State.PAUSED else None
    return None if work is None else (seconds_for(work[0]), seconds_for(work[1]))


def _batches(figures: LedgerFigures, wanted: Collection[str] | None) -> tuple[BatchSnapshot, ...]:
    return tuple(
        BatchSnapshot.of(name, account, wanted is None or name in wanted, figures.batch_holds.get(name))
        for name, account in figures.accounts.items()
    )


def _store(run: RunContext, crews: Crews) -> StoreSnapshot:
    return StoreSnapshot(
        url=run.config.store.url,
        waiting=crews.on_scratch,
        waiting_bytes=sum(crew.storing.on_scratch_bytes for crew in crews),
        transferring=sum(crew.storing.transferring for crew in crews),
        scratch_limit=run.config.engine.scratch_limit,
        bandwidth_limit=run.config.store.bandwidth_limit,
    )


def _survey(
    figures: LedgerFigures, wanted: Collection[str] | None, headers_left: int, pace: SurveyPace
) -> SurveySnapshot:
    images = sum(
        account.rows
        for name, account in figures.accounts.items()
        if (wanted is None or name in wanted) and name not in figures.batch_holds
    )
    return SurveySnapshot(images, max(0, images - headers_left), pace.failed)


def _coming(
    run: RunContext,
    figures: LedgerFigures,
    progress: Progress,
    outstanding: Outstanding,
    pace: SurveyPace,
) -> ComingBytes:
    """Until this engine has stored an image, the JPEGs are as large as those of the ledger."""
    images, done = outstanding.surveyed + outstanding.unsurveyed, figures.totals.done
    jpegs = progress.jpeg_bytes_left(outstanding, pace)
    if jpegs is None and (done or not images):
        jpegs = round(figures.jpeg_bytes / max(1, done) * images * pace.readable)
    at_once = run.config.engine.scratch_limit
    return ComingBytes(images, jpegs, at_once if jpegs is None else min(at_once, jpegs))
