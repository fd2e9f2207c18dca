"""What keeps the ledger from being read or written: another program, its disk, or damage."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from engine.failures import UserError

_FULL_BELOW_BYTES = 64 << 10
"""SQLite calls a full disk an I/O error where it makes a file larger by other means than write(2)."""


class LedgerFaultKind(Enum):
    LOCKED = auto()
    """Another program has locked the file."""
    DISK_FULL = auto()
    UNREACHABLE = auto()
    """The file cannot be opened, read or written."""
    DAMAGED = auto()
    """What is in the file is no ledger any more: no wait helps."""


_KINDS = {
    sqlite3.SQLITE_BUSY: LedgerFaultKind.LOCKED,
    sqlite3.SQLITE_LOCKED: LedgerFaultKind.LOCKED,
    sqlite3.SQLITE_PROTOCOL: LedgerFaultKind.LOCKED,
    sqlite3.SQLITE_FULL: LedgerFaultKind.DISK_FULL,
    sqlite3.SQLITE_IOERR: LedgerFaultKind.UNREACHABLE,
    sqlite3.SQLITE_READONLY: LedgerFaultKind.UNREACHABLE,
    sqlite3.SQLITE_CANTOPEN: LedgerFaultKind.UNREACHABLE,
    sqlite3.SQLITE_PERM: LedgerFaultKind.UNREACHABLE,
    sqlite3.SQLITE_CORRUPT: LedgerFaultKind.DAMAGED,
    sqlite3.SQLITE_NOTADB: LedgerFaultKind.DAMAGED,
}
"""By SQLite's primary result code (sqlite.org/rescode.html)."""
_ADVICE = {
    LedgerFaultKind.LOCKED: "end that program, or wait until it is done",
    LedgerFaultKind.DISK_FULL: "free space there",
    LedgerFaultKind.UNREACHABLE: "make it writable again",
    LedgerFaultKind.DAMAGED: (
        "put its last backup in its place, or save what is readable with `sqlite3 ledger.sqlite .recover`"
    ),
}


class LedgerFault(UserError):
    """The ledger cannot be used now; nothing of the present transaction was written."""

    def __init__(self, kind: LedgerFaultKind, fact: str) -> None:
        self.kind = kind
        self.fact = fact
        """What is wrong, without what to do about it."""
        super().__init__(f"{fact}: {self.advice}")

    @property
    def advice(self) -> str:
        return _ADVICE[self.kind]


def fault_of(error: sqlite3.Error, ledger: Path) -> LedgerFault | None:
    """What this error says about the ledger; None for a fault of ours, like a statement with an error."""
    kind = _KINDS.get(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF)
    if kind is LedgerFaultKind.UNREACHABLE and _free_bytes(ledger) < _FULL_BELOW_BYTES:
        kind = LedgerFaultKind.DISK_FULL
    match kind:
        case None:
            return None
        case LedgerFaultKind.LOCKED:
            fact = f"another program has locked the ledger {ledger}"
        case LedgerFaultKind.DISK_FULL:
            fact = f"the disk with the ledger {ledger} is full"
        case LedgerFaultKind.UNREACHABLE:
            fact = f"the ledger {ledger} cannot be read or written ({error})"
        case LedgerFaultKind.DAMAGED:
            fact = f"the ledger {ledger} is damaged ({error})"
    return LedgerFault(kind, fact)


@contextmanager
def ledger_faults(ledger: Path) -> Iterator[None]:
    """Raises LedgerFault for SQLite's errors that one describes."""
    try:
        yield
    except sqlite3.Error as error:
        fault = fault_of(error, ledger)
        if fault is None:
            raise
        raise fault from error


def _free_bytes(ledger: Path) -> float:
    try:
        found = os.statvfs(ledger.parent)
    except OSError:
        return float("inf")
    return found.f_bavail * found.f_frsize
