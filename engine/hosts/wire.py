"""What the engine and a host tell each other, beside the messages of the processes on it."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from engine.config import StoreSettings
from engine.conversion.specimens import Conversions
from engine.gpu.cards import Card
from engine.hosts.base import ActivitySample, At
from engine.memory.available import Memory
from engine.messages import KnownStore, Problem, StageChanged
from engine.processes.examiner import Shown

PING_EVERY_S = 2.0
SILENT_AFTER_S = 15.0
"""Who has said nothing for so long is gone. Both say something every two seconds at least."""


def topic_of_host(topic: str, name: str) -> str:
    """On which a host of this name hears, if hosts speak to their engine on `topic`."""
    return f"{topic}/{name}"


# From the host


class Hello(Struct, frozen=True):
    """A host wants to join; said every second until it is greeted or refused."""

    name: str
    address: str
    """The identity of its end of the connection."""
    libraries: tuple[tuple[str, str], ...]
    """Those whose versions decide which bytes come out, and photostat's own."""
    cores: int
    workers: int
    memory: Memory
    machine: str = field(default_factory=socket.gethostname)
    """What it calls itself in its network."""
    cards: tuple[Card, ...] = ()
    """GPUs that could decode there."""
    no_cards: str = ""
    """Why there are none."""


class Joined(Struct, frozen=True):
    """It has been greeted: why it cannot work, one line, or None."""

    problem: str | None
    scratch: Path
    in_memory: bool | None
    unable: str | None = None
    """Why it converts nothing for now, one line."""
    jpegs: Mapping[str, int] = field(default_factory=dict)
    """Those that were proved for this ledger and lie there since an earlier connection: bytes, by their paths."""


class Able(Struct, frozen=True):
    """It has tried again to convert the specimens."""

    unable: str | None


class Compared(Struct, frozen=True):
    """The answer to CompareShare."""

    number: int
    problem: Problem | None
    """None if sources and store are the engine's."""


class Hired(Struct, frozen=True):
    child: int
    pid: int


class Said(Struct, frozen=True):
    child: int
    message: object


class Ended(Struct, frozen=True):
    """After everything that it has said."""

    child: int
    exit_code: int
    oom_killed: bool


class ProcessSample(Struct, frozen=True):
    child: int
    rss_bytes: int
    activity: ActivitySample | None


class Sample(Struct, frozen=True):
    """How the host is, every half second."""

    clock: float
    """Unix time, s."""
    memory: Memory
    processes: tuple[ProcessSample, ...]
    stuck: tuple[str, ...]
    """Names of processes that were killed and have not ended."""
    ended_late: int
    removal_problem: str | None
    space_problem: str | None
    """What the last TrySpace has shown."""
    space_tried: int = 0
    """Its number."""


class WantsToLeave(Struct, frozen=True):
    """It finishes what it has, and gets nothing new."""

    why: str


class Leaving(Struct, frozen=True):
    why: str


# To the host


class Greet(Struct, frozen=True):
    """It may join."""

    store: StoreSettings
    root: Path
    """The workspace's directory, which relative names in the store's settings begin at."""
    identity: str
    """Of the ledger."""
    owner: str
    """See KnownStore."""
    specimens: Conversions
    """What the engine's machine makes of them."""


class Refuse(Struct, frozen=True):
    """It may not, and needs not ask again."""

    why: str


class Keep(Struct, frozen=True):
    """Before anything else: of the JPEGs on scratch these wait for the store, and all others are removed."""

    paths: tuple[str, ...]


class Hire(Struct, frozen=True):
    """Start a worker, or, if it is told of the store, an uploader, or, of a card, what decodes there."""

    child: int
    name: str
    store: KnownStore | None = None
    card: Card | None = None


class Send(Struct, frozen=True):
    child: int
    message: object


class Kill(Struct, frozen=True):
    child: int


class Dismiss(Struct, frozen=True):
    child: int
    at: At | None
    after_s: float


class RemoveFile(Struct, frozen=True):
    path: Path


class RemoveAttempt(Struct, frozen=True):
    image_id: int
    attempt: int


class TrySpace(Struct, frozen=True):
    number: int
    """From 1."""
    need_bytes: int


class CompareShare(Struct, frozen=True):
    """Look whether this is what is seen there; answered by Compared."""

    number: int
    shown: Shown


class Held(Struct, frozen=True):
    """Why the engine gives it no image, for the people there; empty if it does."""

    why: str


class Ping(Struct, frozen=True):
    """The engine is there."""


class Leave(Struct, frozen=True):
    """All that it had is stored: its process ends."""

    why: str


class LetGo(Struct, frozen=True):
    """The engine does not count on this host any more: end everything."""


class Parcel(Struct, frozen=True):
    """Messages in one direction, in their order."""

    incarnation: str
    """Of the host: another one each time that it connects."""
    number: int
    """From 0, of those to or from this incarnation."""
    messages: tuple[object, ...]

    def packed(self) -> bytes:
        return pickle.dumps(self)

    @staticmethod
    def unpacked(data: bytes) -> Parcel:
        """The connection is encrypted, and whoever has an invitation may run code here anyway."""
        parcel = pickle.loads(data)
        assert isinstance(parcel, Parcel)
        return parcel


def can_wait(message: object) -> bool:
    """It goes with the next parcel, which another message is the reason for: in half a second, down in two at most.

    Of what is said about an image that is most."""
    match message:
        case Said(message=StageChanged()) | RemoveFile() | RemoveAttempt():
            return True
    return False


class InOrder:
    """Parcels may overtake one another, and come twice: each is given once, in its turn."""

    def __init__(self) -> None:
        self._next = 0
        self._early: dict[int, Parcel] = {}

    def take(self, parcel: Parcel) -> list[object]:
        if parcel.number >= self._next:
            self._early[parcel.number] = parcel
        found: list[object] = []
        while (ready := self._early.pop(self._next, None)) is not None:
            self._next += 1
            found += ready.messages
        return found
