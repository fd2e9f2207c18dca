"""The account: how many images are in which state, how many bytes they are, how much is left to do."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field, structs

from engine.formatting import counted
from engine.ledger.batch_order import BatchHold
from engine.ledger.order import Order
from engine.ledger.states import ImageState


class Account(Struct, frozen=True):
    """Where every row is: rows = pending + in_flight + done + failed + accepted, always."""

    rows: int = 0
    pending: int = 0
    in_flight: int = 0
    done: int = 0
    failed: int = 0
    accepted: int = 0

    @property
    def remaining(self) -> int:
        """Images that the engine still has to finish: pending or in flight."""
        return self.pending + self.in_flight

    @property
    def done_or_accepted(self) -> int:
        """Images that have their JPEG, or that a person accepted without one."""
        return self.done + self.accepted

    def of(self, state: ImageState) -> int:
        """How many images are in that state."""
        counts: dict[str, int] = structs.asdict(self)
        return counts[state]

    def summary(self) -> str:
        """`46 images: 40 done, 6 failed`."""
        parts = [
            f"{n:,} {name.replace('_', ' ')}"
            for name, n in structs.asdict(self).items()
            if n and name != "rows"
        ]
        return f"{counted(self.rows, 'image')}: {', '.join(parts) or 'nothing to do'}"

    def __add__(self, other: Account) -> Account:
        return Account(*(a + b for a, b in zip(structs.astuple(self), structs.astuple(other), strict=True)))


class LedgerFigures(Struct, frozen=True):
    """The sums that a snapshot shows."""

    accounts: Mapping[str, Account]
    """By batch, in the order in which they are converted."""
    source_bytes: int
    """Of the images that are done, like `jpeg_bytes`."""
    jpeg_bytes: int
    failures_by_cause: tuple[tuple[str, int], ...]
    """Images that are failed now; the most frequent cause first."""
    orders: tuple[Order, ...] = ()
    """In hand, the oldest first."""
    batch_holds: Mapping[str, BatchHold] = field(default_factory=dict)
    """Of the batches that people hold, by name."""

    @property
    def totals(self) -> Account:
        """Over all batches."""
        return sum(self.accounts.values(), Account())


class WorkTimes(Struct, frozen=True):
    """How long the work on one batch took."""

    converted: int
    """Attempts that gave a JPEG."""
    cpu_s: float
    """Of those, like `wall_s`."""
    wall_s: float
    first: float
    """When the first attempt began, whatever became of it; Unix time, s."""
    last: float
    """When the last one ended."""
    busy_s: float
    """While at least one attempt was under way: without pauses and nights."""
    attempts: int
    """Whatever became of them."""


class Outstanding(Struct, frozen=True):
    """What is pending: surveyed images by their megapixels, the others only by their number."""

    surveyed: int
    megapixels: float
    unsurveyed: int
