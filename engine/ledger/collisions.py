"""Images of one target: found by its key after an import, failed together, freed when they no longer collide."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import unicodedata

from engine.ledger import chosen
from engine.ledger.statements import statements

_SQL = statements("collisions")
TABLES = ("shared", "clash", "collided", "alike", "freed")
"""Temporary ones, which the import makes beside its own."""


def target_key(target: str) -> int:
    """The same for targets that are equal once case and Unicode composition are folded; 64 bits, signed."""
    folded = target.lower() if target.isascii() else unicodedata.normalize("NFC", target).casefold()
    return int.from_bytes(hashlib.blake2b(folded.encode(), digest_size=8).digest(), "little", signed=True)


def likeness(one: str, other: str) -> str:
    """What is told of two targets that differ and have the same key."""
    composed = [unicodedata.normalize("NFC", target) for target in (one, other)]
    if composed[0] == composed[1]:
        return (
            f"{one} and {other} look the same and differ in Unicode form alone (é as one character, or as e and an "
            "accent): one file where a file system folds that"
        )
    only_case = one.casefold() == other.casefold()
    differs, folded = ("case", "case") if only_case else ("case and Unicode form", "both")
    return f"{one} and {other} differ in {differs} alone: one file where a file system folds {folded}"


def create_tables(db: sqlite3.Connection) -> None:
    for table in TABLES:
        db.execute(_SQL[f"create_{table}"])


def fail_colliding(db: sqlite3.Connection, now: float, *, is_first: bool) -> None:
    """Looks at the targets that the import brought; fills `clash` and `alike`.

    With `is_first` nothing was in the ledger before, so the export alone has to be looked at."""
    db.execute(_SQL["find_shared_in_export" if is_first else "find_shared"])
    db.execute(_SQL["find_clashes"])
    db.execute(_SQL["find_alike"])
    db.execute(_SQL["find_lines"])
    db.execute(_SQL["find_collided"])
    db.execute(_SQL["add_collision_events"], {"now": now, "pid": os.getpid()})
    db.execute(_SQL["fail_collided"], {"now": now})


def note_freed(db: sqlite3.Connection) -> None:
    """Remembers the targets of images that are about to take another one."""
    db.execute(_SQL["note_freed"])


def requeue_freed(db: sqlite3.Connection, now: float) -> int:
    """Images are pending again if no other image has their target any more; returns how many."""
    chosen.clear(db)
    db.execute(_SQL["choose_freed"])
    chosen.leave_out_taken_targets(db)
    return chosen.start_another_round(db, now)


def mark_colliding(db: sqlite3.Connection) -> None:
    """Marks the rows of the import whose image has failed because of its target."""
    db.execute(_SQL["mark_colliding"])


def message(clash: sqlite3.Row, own_line: int) -> str:
    """What the import's report says of a row in `clash`."""
    other_line = clash["last_line"] if own_line == clash["first_line"] else clash["first_line"]
    if other_line != own_line:
        other = f"line {other_line}"
    else:
        other = f"image {clash['first']}, which is in the ledger already"
    more = clash["images"] - 2
    return f"{clash['target']} is also the target of {other}" + (f", and {more} more" if more > 0 else "")
