"""What people have said of images and batches after a look at them, as values, and how the ledger is asked for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.ledger.account import Account
from engine.ledger.statements import statements

_SQL = statements("verdicts")
_MOST_APPROVALS = 50
"""Of a batch that are shown."""

Select = Callable[[str, dict[str, Any]], list[sqlite3.Row]]


class Verdict(StrEnum):
    FINE = "fine"
    NOT_FINE = "not-fine"
    WITHDRAWN = "withdrawn"
    """Taken back: the image has no verdict."""


class GivenVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    """A person's verdict on one delivered JPEG."""

    image: int
    verdict: Verdict
    md5: str
    """Of the JPEG that the person saw."""
    why: str = ""
    given: float | None = None
    """Unix time, s; None is now."""


class VerdictsTaken(Struct, frozen=True):
    """What has become of verdicts, by the images' ids."""

    recorded: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    """The ledger had the same verdict already, or nothing to withdraw."""
    older: tuple[int, ...] = ()
    """Of those recorded: a later verdict is in the ledger, and counts."""
    changed: tuple[int, ...] = ()
    """Left alone: the image is not done, or has another JPEG than the person saw."""


class VerdictEntry(Struct, frozen=True):
    """A line of an image's history."""

    verdict: Verdict
    why: str
    person: str
    given: float
    """Unix time, s, as `recorded`."""
    recorded: float
    of_another: bool
    """It is of a JPEG that the image does not have any more."""


class Approval(Struct, frozen=True):
    """A batch was approved, or its approval was withdrawn; the counts are of that time."""

    approved: bool
    note: str
    person: str
    given: float
    """Unix time, s, as `recorded`."""
    recorded: float
    changes: int
    """See Standing."""
    done: int
    failed: int
    accepted: int
    waiting: int
    fine: int
    not_fine: int


class Standing(Struct, frozen=True):
    """How far the sign-off of a batch is."""

    batch: str
    account: Account
    changes: int
    """How often images have come to the batch, have come to an end in it, or have been taken up again after one."""
    fine: int
    not_fine: int
    approvals: tuple[Approval, ...]
    """The latest first, withdrawals among them."""

    @property
    def waiting(self) -> int:
        return self.account.pending + self.account.in_flight

    @property
    def approval(self) -> Approval | None:
        """None if the batch is not approved."""
        latest = self.approvals[0] if self.approvals else None
        return latest if latest is not None and latest.approved else None

    @property
    def changed_since(self) -> int:
        """How many changes there were after the approval."""
        return self.changes - self.approval.changes if self.approval else 0

    @property
    def open_items(self) -> str:
        """What speaks against an approval, in words; empty if nothing does."""
        counts = (
            (self.not_fine, "not fine"),
            (self.account.failed, "failed"),
            (self.waiting, "not converted yet"),
        )
        return ", ".join(f"{counted(count, 'image')} {what}" for count, what in counts if count)

    def to_json(self) -> dict[str, Any]:
        approval = self.approval
        return {
            "batch": self.batch,
            **structs.asdict(self.account),
            "fine": self.fine,
            "not_fine": self.not_fine,
            "approved": approval is not None,
            "approved_by": approval.person if approval else None,
            "approved_at": approval.given if approval else None,
            "note": approval.note if approval else None,
            "changed_since": self.changed_since > 0,
            "approvals": [structs.asdict(one) for one in self.approvals],
        }


class Candidate(Struct, frozen=True):
    """What a review's sample is drawn by, of a delivered image."""

    id: int
    psnr: float | None
    pixels: int | None
    """Of the source."""
    is_warned: bool
    kind: int | None
    """Equal for sources of one kind; None for those of no known kind."""


def candidates(select: Select, batch: str) -> list[Candidate]:
    """All delivered images of a batch, by id."""
    rows = select(_SQL["candidates"], {"batch": batch})
    return [
        Candidate(number, psnr, pixels, bool(warned), kind) for number, psnr, pixels, warned, kind in rows
    ]


def standing(select: Select, batch: str) -> Standing:
    """Raises UserError if there is no such batch."""
    rows = select(_SQL["standing"], {"batch": batch})
    if not rows:
        raise UserError(f"no batch {one_line(batch)!r} in the ledger")
    number, *counts, changes = rows[0]
    verdicts = {row["verdict"]: row["images"] for row in select(_SQL["counted"], {"batch": number})}
    approvals = select(_SQL["approvals"], {"batch": number, "limit": _MOST_APPROVALS})
    return Standing(
        batch,
        Account(*counts),
        changes,
        verdicts.get(Verdict.FINE, 0),
        verdicts.get(Verdict.NOT_FINE, 0),
        tuple(Approval(bool(approved), *rest) for approved, *rest in approvals),
    )


def verdicts_of(select: Select, image_id: int) -> list[VerdictEntry]:
    """The oldest first."""
    rows = select(_SQL["of_image"], {"image": image_id})
    return [
        VerdictEntry(
            Verdict(row["verdict"]),
            row["why"],
            row["person"],
            row["given"],
            row["recorded"],
            bool(row["of_another"]),
        )
        for row in rows
    ]
