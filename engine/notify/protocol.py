"""What the engine and the process that notifies say to each other: JSON lines, over pipes."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from engine.control.snapshot import HoldReason, State
from engine.ledger.account import Account


class Occasion(StrEnum):
    """Why people are told something."""

    FINISHED = "finished"
    STOPPED = "stopped"
    DRAINED = "drained"
    HOLDING = "holding"
    HOLD_ENDED = "hold-ended"
    DIED = "died"
    """The engine, although nobody had ordered it."""
    RESTARTED = "restarted"
    """An engine has started after one that had died."""
    MORNING = "morning"
    TEST = "test"


class Hello(Struct, frozen=True, tag=True):
    """The first line. Nothing of it stands on a command line, because addresses are secrets."""

    urls: tuple[str, ...]
    workspace: str
    pid: int
    """The engine's."""
    version: str
    started: float
    """When the engine started; Unix time, s."""
    batches: tuple[str, ...] | None
    """Those of this run; None is every batch."""


class HeldFor(Struct, frozen=True):
    """The hold that the notice is about."""

    reason: HoldReason
    detail: str
    since: float
    """Unix time, s."""


class Notice(Struct, frozen=True, tag=True):
    """What people are to be told."""

    occasion: Occasion
    text: str
    """One line."""
    state: State
    time: float
    """Unix time, s."""
    account: Account
    """Of the batches of this run."""
    hold: HeldFor | None = None


class Goodbye(Struct, frozen=True, tag=True):
    """The engine ends as it should: its silence from now on means nothing."""


class Ready(Struct, frozen=True, tag=True):
    """Every address is understood."""


class NotUnderstood(Struct, frozen=True, tag=True):
    """The process ends; `error` names the address and what is wrong with it."""

    error: str


class Delivered(Struct, frozen=True, tag=True):
    """How an address took a notice; said after each attempt."""

    number: int
    """The address's place in the settings, from 1."""
    address: str
    """Without its secrets."""
    problem: str
    """Empty if it was taken."""
    is_last: bool = True
    """No other attempt with this notice follows."""


FromEngine = Hello | Notice | Goodbye
ToEngine = Ready | NotUnderstood | Delivered


def line_of(message: FromEngine | ToEngine) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def from_engine(line: bytes) -> FromEngine:
    """Raises msgspec.DecodeError."""
    message: FromEngine = msgspec.json.decode(line, type=FromEngine)
    return message


def to_engine(line: bytes) -> ToEngine:
    """Raises msgspec.DecodeError."""
    message: ToEngine = msgspec.json.decode(line, type=ToEngine)
    return message


def address_of(report: Delivered) -> str:
    return f"notification address {report.number} ({report.address})"


def not_taken(report: Delivered) -> str:
    return f"{address_of(report)} did not take a notification: {report.problem}"
