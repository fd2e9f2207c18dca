"""The snapshot that clients get, put together from the run's stages."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from engine import __version__
from engine.control.snapshot import BatchSnapshot, Bytes, EngineIdentity, Snapshot, State, StoreSnapshot

if TYPE_CHECKING:
    from engine.supervisor.loop import Supervisor


def take_picture(supervisor: Supervisor) -> Snapshot:
    """The engine as it is now; cheap enough for many clients a second."""
    run, now = supervisor.run_context, time.monotonic()
    wanted = run.batches
    state, progress = supervisor.state, supervisor.progress
    figures = run.ledger.figures()
    storing, converting = supervisor.storing, supervisor.converting
    return Snapshot(
        state=state,
        time=time.time(),
        hold=run.holds.hold(now),
        batches=tuple(
            BatchSnapshot.of(name, account, wanted is None or name in wanted)
            for name, account in figures.accounts.items()
        ),
        workers=tuple(slot.picture(now) for slot in converting.slots),
        workers_wanted=converting.slots.wanted,
        workers_asked=supervisor.workers_asked,
        memory=supervisor.dispatch.picture(),
        rates=progress.rates(),
        store=StoreSnapshot(
            url=run.config.store.url,
            waiting=storing.waiting,
            waiting_bytes=storing.waiting_bytes,
            transferring=storing.under_way,
            scratch_limit=run.config.engine.scratch_limit,
        ),
        eta_seconds=(
            progress.eta_s(now, lambda: run.ledger.outstanding(run.batches))
            if state is State.RUNNING
            else None  # nobody knows when it goes on
        ),
        elapsed_seconds=now - supervisor.started,
        bytes=Bytes(figures.source_bytes, figures.jpeg_bytes),
        failures_by_cause=dict(figures.failures_by_cause),
        failures_this_run=supervisor.failures,
        engine=EngineIdentity(os.getpid(), time.time() - (now - supervisor.started), __version__),
    )
