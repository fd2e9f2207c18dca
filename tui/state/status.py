"""The engine's status as the app shows it: its snapshot or the ledger's, where that came from, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine import formatting
from engine.control.snapshot import Hold, HoldReason, Snapshot, State
from engine.ledger.models import Event
from engine.ledger.runs import RunRecord
from engine.run_account.account import RunAccount
from tui.state.gpus import gpus_of, gpus_that_need_you
from tui.state.hosts import hosts_that_need_you
from tui.state.steady_facts import shortest_volume


class ConnectionState(StrEnum):
    """Where the status comes from."""

    WAITING = "waiting"
    """Nothing has come yet."""
    ENGINE = "engine"
    LEDGER = "ledger"
    """No engine is running; the snapshot is made from the ledger."""
    LOST = "lost"
    """The engine does not answer; the snapshot is its last one."""


@dataclass(frozen=True)
class EngineStatus:
    connection: ConnectionState = ConnectionState.WAITING
    snapshot: Snapshot | None = None
    since: float = 0.0
    """Unix time since which the connection is in this state, s."""
    problem: str = ""
    """Why there is no better snapshot; one line."""
    events: tuple[Event, ...] = ()
    """The last few, newest first."""
    notable: tuple[Event, ...] = ()
    """The last few of those that are kept for the whole run, newest first."""
    run: RunAccount | None = None
    """What happened in the last run; None while an engine runs, and if there was none."""
    record: RunRecord | None = None
    """The ledger's records of the run under way or the last one, not older than about a minute."""

    @property
    def state(self) -> State | None:
        return self.snapshot.state if self.snapshot else None


class Tone(StrEnum):
    """What a state means to the person; colour never shows it alone."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    NEUTRAL = "neutral"


@dataclass(frozen=True)
class Banner:
    """A state as a glyph and a word, with a detail beside it."""

    glyph: str
    word: str
    tone: Tone
    detail: str = ""

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}"


_STATES: dict[State, tuple[str, str, Tone]] = {
    State.RUNNING: ("►", "RUNNING", Tone.GOOD),
    State.PAUSED: ("‖", "PAUSED", Tone.WARNING),
    State.HOLDING: ("▲", "HOLDING", Tone.WARNING),
    State.DRAINING: ("▼", "DRAINING", Tone.WARNING),
    State.STOPPED: ("■", "STOPPED", Tone.NEUTRAL),
}
_HOLDS = {
    "batch": "only held batches are left",
    "hosts": "waiting for hosts",
    "memory": "memory low",
    "store": "store unreachable",
    "source": "source unreachable",
    "disk": "disk not writable",
    "ledger": "ledger not writable",
    "unexpected": "unexpected fault",
}


def banner(status: EngineStatus, now: float) -> Banner:
    """The state for the top line; `now` is Unix time, s."""
    snapshot = status.snapshot
    if status.connection is ConnectionState.LOST:
        return Banner("╳", "DISCONNECTED", Tone.BAD, f"since {formatting.clock(status.since, now)}")
    if snapshot is None:
        return Banner(
            "○", "CONNECTING" if status.connection is ConnectionState.WAITING else "NO DATA", Tone.NEUTRAL
        )
    if snapshot.state is State.FINISHED:
        return _finished(snapshot, status.run, now)
    glyph, word, tone = _STATES[snapshot.state]
    detail = ""
    if snapshot.state is State.RUNNING and snapshot.outside_hours_until is not None:
        detail = f"outside its hours, until {formatting.clock(snapshot.outside_hours_until, now)}"
    elif snapshot.state is State.PAUSED:
        detail = paused_by(snapshot, now)
    elif snapshot.state is State.DRAINING:
        detail = "ends when what is in flight is done"
    elif snapshot.state is State.HOLDING and snapshot.hold is not None:
        tone, detail = _holding(snapshot.hold, now)
    elif snapshot.state is State.STOPPED and snapshot.totals.rows == 0:
        detail = "nothing imported yet"
    return Banner(glyph, word, tone, detail)


def _holding(hold: Hold, now: float) -> tuple[Tone, str]:
    if hold.reason is HoldReason.HOURS:
        return Tone.NEUTRAL, f"outside its hours, continues at {formatting.clock(hold.until or now, now)}"
    what = _HOLDS.get(hold.reason, hold.reason)
    return Tone.WARNING, f"{what} since {formatting.clock(hold.since, now)}"


def paused_by(snapshot: Snapshot, now: float) -> str:
    """`by anna (pts/3, reading-room) since 02:10`; empty if nobody knows."""
    pause = snapshot.pause
    return f"by {pause.by} since {formatting.clock(pause.since, now)}" if pause else ""


def _finished(snapshot: Snapshot, run: RunAccount | None, now: float) -> Banner:
    """A tick only if every image has its JPEG or was accepted without one."""
    totals = snapshot.totals
    when = f"{formatting.clock(run.ended, now)}, after {formatting.duration(run.seconds)}" if run else ""
    if not totals.failed:
        return Banner("✓", "FINISHED", Tone.GOOD, when)
    if totals.done_or_accepted == 0:
        return Banner("✗", "FINISHED", Tone.BAD, "no image could be converted")
    failed = f"but {formatting.integer(totals.failed)} failed"
    return Banner("!", "FINISHED", Tone.WARNING, f"{when}, {failed}" if when else failed)


def is_urgent(status: EngineStatus) -> bool:
    """Whether something keeps the engine from working, which the person must see whatever else is shown."""
    return status.connection is ConnectionState.LOST or (
        status.state is State.HOLDING and not is_outside_hours(status.snapshot)
    )


def is_outside_hours(snapshot: Snapshot | None) -> bool:
    """Whether the engine holds for nothing but its hours, which is no trouble."""
    hold = snapshot.hold if snapshot is not None and snapshot.state is State.HOLDING else None
    return hold is not None and hold.reason is HoldReason.HOURS


def status_hint(status: EngineStatus, *, read_only: bool) -> str:
    """The line to show while there is no message: what keeps the engine from working, or what to do next."""
    snapshot = status.snapshot
    if status.connection is ConnectionState.LOST:
        problem = status.problem or "The engine does not answer."
        from_ledger = snapshot is not None and snapshot.engine is None
        shown = "what the ledger has" if from_ledger else "the last known state"
        return f"{problem} This is {shown}; the app tries again every second."
    if snapshot is None:
        return status.problem
    if snapshot.state is State.HOLDING and snapshot.hold is not None:
        starts = is_outside_hours(snapshot) and not read_only
        return f"{snapshot.hold.detail}. s continues now." if starts else snapshot.hold.detail
    totals = snapshot.totals
    if status.connection is ConnectionState.LEDGER:
        return f"{status.problem} {_without_engine(snapshot, read_only=read_only)}".strip()
    if snapshot.state is State.PAUSED:
        return "Nothing new starts; what is in flight finishes." + ("" if read_only else " p resumes.")
    if snapshot.state is State.DRAINING:
        return f"{formatting.counted(totals.in_flight, 'image')} still in flight, then the engine ends."
    store = snapshot.store
    if snapshot.state is State.RUNNING and store.sets_the_pace:
        waiting, limit = (
            formatting.data_size(store.waiting_bytes),
            formatting.data_size(store.bandwidth_limit or 0),
        )
        return f"Conversion waits for the store: {waiting} on scratch, and no more than {limit}/s is sent."
    return ""


def what_needs_you(snapshot: Snapshot) -> str:
    """Of a run that goes on: what waits for a person."""
    all_needs = (
        _little_room(snapshot),
        hosts_that_need_you(snapshot),
        gpus_that_need_you(gpus_of(snapshot)),
        _failed_ones(snapshot.totals.failed),
    )
    needs = [words for words in all_needs if words]
    return " ".join(needs) or "All is well: nothing needs you."


def _little_room(snapshot: Snapshot) -> str:
    volume = shortest_volume(snapshot)
    if volume is None:
        return ""
    free, to_come = formatting.data_size(volume.free or 0), formatting.data_size(volume.needed or 0)
    return f"Make room ({volume.name}: {free} free, about {to_come} to come), or the run will hold."


def _failed_ones(failed: int) -> str:
    if not failed:
        return ""
    if failed == 1:
        return "1 image has failed and needs you: f shows it, and what can be done."
    who = f"{formatting.integer(failed)} images have failed and need you"
    return f"{who}: f shows them, and what can be done."


def _without_engine(snapshot: Snapshot, *, read_only: bool) -> str:
    totals = snapshot.totals
    if totals.rows == 0:
        return "The ledger is empty: photostat add EXPORT.csv adds images."
    waiting = totals.remaining
    if waiting:
        start = "" if read_only else " s starts it."
        return f"No engine is running; {formatting.counted(waiting, 'image')} waiting.{start}"
    if totals.failed:
        return f"All done but {formatting.counted(totals.failed, 'image')} that failed: f shows them."
    return "Every image is accounted for. photostat report writes the report."
