"""What the app shows: one frozen picture of the engine or of the ledger, and how it was come by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine import formatting
from engine.control.snapshot import Snapshot, State
from engine.ledger.models import Event


class ConnectionState(StrEnum):
    """Where the picture comes from."""

    WAITING = "waiting"
    """Nothing has come yet."""
    ENGINE = "engine"
    LEDGER = "ledger"
    """No engine runs; this is the ledger's own account."""
    LOST = "lost"
    """The engine does not answer; the snapshot is the last one it gave."""


@dataclass(frozen=True)
class EngineStatus:
    connection: ConnectionState = ConnectionState.WAITING
    snapshot: Snapshot | None = None
    since: float = 0.0
    """When the contact became what it is, Unix time, s."""
    fault: str = ""
    """Why there is no better picture; one line."""
    events: tuple[Event, ...] = ()
    """The last few, newest first."""
    converted: tuple[float, ...] = ()
    """When images were converted before this app came, Unix times in s; only in the first picture."""

    @property
    def state(self) -> State | None:
        return self.snapshot.state if self.snapshot else None

    @property
    def has_engine(self) -> bool:
        return self.connection is ConnectionState.ENGINE


class Tone(StrEnum):
    """What a state means to the person who looks; never said by colour alone."""

    GOOD = "good"
    CARE = "care"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True)
class Banner:
    """A state in a glyph and a word, and what is to be said beside it."""

    glyph: str
    word: str
    tone: Tone
    detail: str = ""

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}"


_STATES: dict[State, tuple[str, str, Tone]] = {
    State.RUNNING: ("►", "RUNNING", Tone.GOOD),
    State.PAUSED: ("‖", "PAUSED", Tone.CARE),
    State.HOLDING: ("▲", "HOLDING", Tone.CARE),
    State.DRAINING: ("▼", "DRAINING", Tone.CARE),
    State.STOPPED: ("■", "STOPPED", Tone.QUIET),
}
_HOLDS = {"memory": "memory low", "store": "store away", "source": "source away", "disk": "disk full"}


def banner(status: EngineStatus, now: float) -> Banner:
    """The state as the top line says it; `now` is Unix time, s."""
    snapshot = status.snapshot
    if status.connection is ConnectionState.LOST:
        return Banner("╳", "DISCONNECTED", Tone.BAD, f"since {formatting.clock(status.since, now)}")
    if snapshot is None:
        return Banner(
            "○", "CONNECTING" if status.connection is ConnectionState.WAITING else "NO PICTURE", Tone.QUIET
        )
    if snapshot.state is State.FINISHED:
        return _finished(snapshot)
    glyph, word, tone = _STATES[snapshot.state]
    detail = ""
    if snapshot.state is State.PAUSED:
        detail = "by you"
    elif snapshot.state is State.DRAINING:
        detail = "ends when what is in flight is done"
    elif snapshot.state is State.HOLDING and snapshot.hold is not None:
        what = _HOLDS.get(snapshot.hold.reason, snapshot.hold.reason)
        detail = f"{what} since {formatting.clock(snapshot.hold.since, now)}"
    elif snapshot.state is State.STOPPED and snapshot.totals.rows == 0:
        detail = "nothing imported yet"
    return Banner(glyph, word, tone, detail)


def _finished(snapshot: Snapshot) -> Banner:
    """A tick is for when every image has its JPEG or was accepted without."""
    totals = snapshot.totals
    if not totals.failed:
        return Banner("✓", "FINISHED", Tone.GOOD)
    if totals.done + totals.accepted == 0:
        return Banner("✗", "FINISHED", Tone.BAD, "no image could be converted")
    return Banner("!", "FINISHED", Tone.CARE, f"but {formatting.integer(totals.failed)} failed")


def is_urgent(status: EngineStatus) -> bool:
    """Something stands in the way that a person has to know of, whatever else is being told."""
    return status.connection is ConnectionState.LOST or status.state is State.HOLDING


def status_hint(status: EngineStatus, *, read_only: bool) -> str:
    """The line to show while nothing else has been said: what stands in the way, or what to do next."""
    snapshot = status.snapshot
    if status.connection is ConnectionState.LOST:
        fault = status.fault or "The engine does not answer."
        whose = (
            "its last picture" if snapshot is None or snapshot.engine is not None else "what the ledger has"
        )
        return f"{fault} This is {whose}; asking again every second."
    if snapshot is None:
        return status.fault
    if snapshot.state is State.HOLDING and snapshot.hold is not None:
        return snapshot.hold.detail
    totals = snapshot.totals
    if status.connection is ConnectionState.LEDGER:
        return f"{status.fault} {_without_engine(snapshot, read_only=read_only)}".strip()
    if snapshot.state is State.PAUSED:
        return "Nothing new starts; what is in flight is finished." + ("" if read_only else " p resumes.")
    if snapshot.state is State.DRAINING:
        return f"{formatting.counted(totals.in_flight, 'image')} still in flight, then the engine leaves."
    return ""


def _without_engine(snapshot: Snapshot, *, read_only: bool) -> str:
    totals = snapshot.totals
    if totals.rows == 0:
        return "The ledger is empty: photostat add EXPORT.csv brings the images in."
    waiting = totals.remaining
    if waiting:
        start = "" if read_only else " s starts it."
        return f"No engine runs; {formatting.counted(waiting, 'image')} {'waits' if waiting == 1 else 'wait'}.{start}"
    if totals.failed:
        return f"All done but {formatting.counted(totals.failed, 'image')} that failed: f shows them."
    return "Every image is accounted for. photostat report writes the account."
