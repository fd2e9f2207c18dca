"""Why a key can do nothing now, and what stopping the engine means: sentences from a status."""

from __future__ import annotations

from engine import formatting
from engine.control.process_snapshots import WorkerSnapshot
from engine.control.snapshot import BatchSnapshot, HostSnapshot, Snapshot
from engine.ledger.account import Account
from tui.state.hosts import can_join, images_of_away, is_away
from tui.state.status import ConnectionState, EngineStatus


def without_engine(status: EngineStatus, *, read_only: bool) -> str:
    """The answer to keys that need an engine."""
    if status.connection is ConnectionState.LOST:
        return "The engine does not answer."
    if status.connection is ConnectionState.WAITING:
        return "The app has not reached the engine yet."
    may_start = not read_only and nothing_to_start(status) is None
    return "No engine is running here." + (" s starts it." if may_start else "")


def no_host(snapshot: Snapshot | None) -> str:
    """Why there is no page of a host."""
    if can_join(snapshot):
        return "No host has joined yet: run `photostat host FILE.pem` on another machine."
    return "This machine converts alone: other ones can join with [cluster] listen in photostat.toml."


def cannot_start(status: EngineStatus) -> str | None:
    """Why an engine cannot be started now; None if it can."""
    if status.connection is ConnectionState.ENGINE:
        return "The engine is already running."
    if status.connection is not ConnectionState.LEDGER:
        return "The engine does not answer; it may still be running."
    return nothing_to_start(status)


def nothing_to_start(status: EngineStatus) -> str | None:
    """Why an engine would have nothing to do; None if it has something, or if that is not known."""
    if status.snapshot is None:
        return None
    totals = status.snapshot.totals
    if totals.rows == 0:
        return "There is nothing to convert: photostat add EXPORT.csv adds images."
    if totals.remaining:
        return None
    if totals.failed:
        failed = formatting.counted(totals.failed, "image")
        return (
            f"Nothing is waiting to be converted. {failed} failed: f shows them, and r requeues them there."
        )
    return "Nothing is waiting to be converted: every image is accounted for."


def drain_facts(totals: Account) -> list[str]:
    """What a person should know before draining the engine."""
    in_flight = formatting.counted(totals.in_flight, "image")
    first = f"{in_flight} in flight will be finished, then the engine ends."
    if not totals.in_flight:
        first = "Nothing is in flight: the engine ends at once."
    waiting = f"{formatting.counted(totals.pending, 'image')} waiting stay for the next run."
    return [first, *([waiting] if totals.pending else []), "To leave only this app, press q."]


def hold_facts(batch: BatchSnapshot) -> list[str]:
    """What a person should know before holding a batch."""
    in_flight = formatting.counted(batch.in_flight, "image")
    first = (
        f"{in_flight} of it in flight will be finished." if batch.in_flight else "Nothing of it is in flight."
    )
    waits = "waits" if batch.pending == 1 else "wait"
    waiting = f"{formatting.counted(batch.pending, 'image')} {waits} until somebody releases it (r)."
    return [first, waiting, "The other batches go on."]


def drain_host_facts(host: HostSnapshot) -> list[str]:
    """What a person should know before a host is drained."""
    images = host.busy + host.waiting
    first = f"{formatting.counted(images, 'image')} that it has will be finished and stored, then it leaves."
    if not images:
        first = "It has no image: it leaves at once."
    return [
        first,
        "The run goes on without it.",
        "Its invitation still holds: if `photostat host` is started there, it joins again.",
    ]


def forget_host_facts(host: HostSnapshot | None) -> list[str]:
    """What a person should know before a host is forgotten; None if it is not there."""
    facts = ["The engine lets it in no more, until it is invited anew."]
    if host is not None and is_away(host):
        facts += images_of_away(host) if host.waiting == 0 else []
        if host.waiting:
            jpegs = formatting.counted(host.waiting, "JPEG")
            facts.append(f"It is not there. {jpegs} on its scratch: others convert these images again.")
    elif host is not None:
        images = formatting.counted(host.busy + host.waiting, "image")
        facts.append(f"It goes at once; {images} that it has and has not stored will be converted by others.")
        facts.append("To let it finish them first, choose No and press D.")
    return facts


def skip_facts(worker: WorkerSnapshot, *, fail: bool) -> list[str]:
    """What a person should know before the image of this worker is skipped or stopped."""
    usual = (
        ""
        if worker.predicted_seconds is None
        else f", of about {formatting.duration(worker.predicted_seconds)}"
    )
    first = f"Worker {worker.key} has had it for {formatting.duration(worker.seconds)}{usual}. That ends now."
    if fail:
        then = "It fails (timed-out, stopped by you), until it is requeued or accepted."
    else:
        then = (
            "It waits behind all others, and the attempt does not count. If no others wait, it starts again."
        )
    return [first, then, "The other workers go on."]


def stop_facts(in_flight: int, on_scratch: int, *, draining: bool) -> list[str]:
    """What a person should know before stopping the engine: of the images in flight, `on_scratch` are JPEGs already."""
    if not in_flight:
        return ["Nothing is in flight, and nothing that is done is lost.", "To leave only this app, press q."]
    first = (
        f"{_what_stopping_costs(max(0, in_flight - on_scratch), on_scratch)}; nothing that is done is lost."
    )
    if draining:
        return [first, "Choose No to let the engine finish and end. To leave only this app, press q."]
    finish = "it" if in_flight == 1 else "them"
    return [
        first,
        f"To finish {finish} first, choose No and press d to drain. To leave only this app, press q.",
    ]


def _what_stopping_costs(converting: int, on_scratch: int) -> str:
    costs = []
    if converting:
        starts = "starts" if converting == 1 else "start"
        costs.append(f"{formatting.counted(converting, 'image')} in flight {starts} over with the next run")
    if on_scratch:
        wait = "waits" if on_scratch == 1 else "wait"
        run = "it" if converting else "the next run"
        costs.append(f"{formatting.counted(on_scratch, 'JPEG')} on scratch {wait} for {run}")
    return "; ".join(costs)
