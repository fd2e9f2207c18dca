"""Whether scratch and the run's log can be written: if not, the engine holds, and tries again by itself."""

from __future__ import annotations

import time

from engine.control.snapshot import HoldReason
from engine.hosts.base import NotKnownYet
from engine.ledger.states import EventKind
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.event_log import RunLogFile


def probe_disk(context: HostContext) -> None:
    """Ends the hold for scratch if there is room again."""
    holds = context.holds
    if holds.disk_wants_probe():
        try:
            problem = context.host.scratch.space_problem(holds.disk_needs_bytes)
        except NotKnownYet:
            return
        if holds.disk_probed(problem, time.monotonic()):
            context.events.info(EventKind.END_OF_HOLD, "there is room on the disk again")


def check_removals(context: HostContext) -> None:
    """What is not needed any more, and cannot be removed, shows that scratch cannot be written."""
    if (problem := context.host.scratch.removal_problem()) is not None:
        context.hold_for_disk(f"files cannot be removed from scratch: {problem}")


def check_log(run: RunContext, log: RunLogFile) -> None:
    """Holds while the log cannot be written. Its lines are kept meanwhile."""
    now, hold = time.monotonic(), run.holds.log
    if log.problem and hold.may_write(now):
        log.flush()
    if log.problem:
        detail = (
            f"the run's log cannot be written ({log.problem}): nothing new starts. Free space there; "
            "the engine then continues by itself"
        )
        if hold.failed(HoldReason.DISK, detail, now):
            run.events.warning(EventKind.HOLD, detail)
    elif hold.worked(now):
        run.events.info(EventKind.END_OF_HOLD, "the run's log can be written again")
