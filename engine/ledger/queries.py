"""What the ledger's writer and its readers ask alike: one implementation, whoever holds the connection."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from engine.config import SourcePaths
from engine.failures import UserError
from engine.ledger import hosts, neighbours, runs
from engine.ledger.account import Account, LedgerFigures
from engine.ledger.batch_order import BatchHold
from engine.ledger.hosts import HostRecord
from engine.ledger.models import FailureGroup, Subject
from engine.ledger.order import Order
from engine.ledger.replacements import Replacement, WaitingObject, counts, of_image, waiting_object
from engine.ledger.runs import RunRecord
from engine.ledger.statements import statements
from engine.ledger.verdicts import Standing, VerdictEntry, standing, verdicts_of
from engine.messages import KnownObject, NeighbourSource
from engine.workspace import is_within

_SQL = statements("queries")
_ORDERS = statements("orders")
_BATCHES = statements("batches")

Values = Sequence[object] | Mapping[str, object]
"""Of a statement's parameters, by place or by name."""


class LedgerQueries(ABC):
    """Each answer is the read of an index or of a few rows, under a millisecond, unless its docstring says more."""

    @abstractmethod
    def _select(self, sql: str, values: Values = ()) -> list[sqlite3.Row]: ...

    @property
    @abstractmethod
    def _sources(self) -> SourcePaths:
        """Which path a source of the export is."""

    @property
    def identity(self) -> str:
        """Differs from every other ledger's, except that of a copy of this one."""
        return str(self._select(_SQL["identity"])[0][0])

    def account(self) -> dict[str, Account]:
        """By batch, in the order in which they are converted."""
        return {name: Account(*counts) for name, *counts in self._select(_SQL["account"])}

    def batch_holds(self) -> dict[str, BatchHold]:
        """Of the batches that people hold, by name."""
        return dict(map(BatchHold.of, self._select(_BATCHES["holds"])))

    def figures(self) -> LedgerFigures:
        """The sums that a snapshot shows."""
        source_bytes, jpeg_bytes = self._select(_SQL["bytes_done"])[0]
        causes = tuple((group.cause, group.images) for group in self.failure_groups())
        return LedgerFigures(
            self.account(),
            int(source_bytes),
            int(jpeg_bytes),
            causes,
            self.open_orders(),
            self.batch_holds(),
        )

    def open_orders(self) -> tuple[Order, ...]:
        """In hand, the oldest first."""
        return tuple(map(Order.of, self._select(_ORDERS["open_orders"])))

    def order(self, number: int) -> Order:
        """Raises UserError if there is no such order."""
        rows = self._select(_ORDERS["order"], {"order": number})
        if not rows:
            raise UserError(f"no order {number} in the ledger")
        return Order.of(rows[0])

    def stored_sample(self, most: int) -> tuple[KnownObject, ...]:
        """Some of the images that should be in the store: spread over all of them, or, once a person has said that
        what was there is gone, the latest since then. The latter reads every image that is done."""
        overruled = self._select(_SQL["store_overruled"])
        if overruled:
            rows = self._select(_SQL["in_store_since"], {"since": overruled[0][0], "limit": most})
        else:
            last = self._last_image()
            starts = sorted({last * number // most for number in range(most)})
            rows = [row for start in starts for row in self._select(_SQL["in_store_after"], {"image": start})]
        return tuple(dict.fromkeys(KnownObject(*row) for row in rows))

    def images_expected(self, sample: Sequence[KnownObject]) -> int:
        """How many images should be in the store: all that are done, or once a person has said that those are gone,
        at least as many as the sample has."""
        if self._select(_SQL["store_overruled"]):
            return len(sample)
        return sum(account.done for account in self.account().values())

    def standing(self, batch: str) -> Standing:
        """How far the sign-off of a batch is. Raises UserError if there is no such batch."""
        return standing(self._select, batch)

    def kinds_that_differ(self) -> set[str]:
        """Those of which a GPU has decoded an image otherwise than OpenJPEG (`FileKind.to_text`)."""
        return {text for (text,) in self._select(_SQL["gpu_differs"])}

    def made_by_gpu(self, kind: str) -> int:
        """How many JPEGs of this kind (`FileKind.to_text`) have a GPU's pixels."""
        return int(self._select(_SQL["made_by_gpu"], {"kind": kind})[0][0])

    def replacements(self, image_id: int) -> list[Replacement]:
        """The delivered JPEGs of an image that were replaced or are to be, the oldest first."""
        return of_image(self._select, image_id)

    def replacement_counts(self, batch: str | None = None) -> tuple[int, int]:
        """How many delivered JPEGs were replaced, and how many are to be. Reads every replacement."""
        return counts(self._select, batch)

    def waiting_object(self, image_id: int) -> WaitingObject | None:
        """The object of an image that stays in the store until another one is in its place."""
        return waiting_object(self._select, image_id)

    def verdicts(self, image_id: int) -> list[VerdictEntry]:
        """What people have said of an image, the oldest first."""
        return verdicts_of(self._select, image_id)

    def failure_groups(self, batch: str | None = None) -> list[FailureGroup]:
        """Images that are failed now, by cause; the most frequent cause first."""
        rows = self._select(_SQL["failures_by_cause"], {"batch": batch})
        return [FailureGroup(cause, images) for cause, images in rows]

    def hosts(self) -> list[HostRecord]:
        """Other machines as they were seen last, as they joined."""
        return hosts.all_hosts(self._select)

    def last_run(self) -> RunRecord | None:
        """The one that is under way, or the last one; None if no engine has begun with work to do."""
        return runs.last_run(self._select)

    def new_failures(self, since: float) -> dict[str, int]:
        """Images that are failed now and failed after that time (Unix time, s), by cause. Reads every failed image."""
        return runs.new_failures(self._select, since)

    def subject(self, image_id: int) -> Subject:
        """What an event says of an image. Raises UserError if it is not in the ledger."""
        rows = self._select(_SQL["subject"], {"image": image_id})
        if not rows:
            raise UserError(f"no image {image_id} in the ledger")
        row = rows[0]
        return Subject(row["id"], row["record"], self._sources.path(row["source"]), row["target"])

    def neighbours_of(self, image_id: int) -> tuple[NeighbourSource, ...]:
        """Other sources that show whether the share with this image's source is mounted; the nearest first."""
        return neighbours.find(self._select, image_id, self._last_image(), self._sources)

    def _last_image(self) -> int:
        """The highest id; 0 in an empty ledger."""
        last: int = self._select(_SQL["last_image"])[0][0]
        return last

    def source_within(self, directory: str) -> str | None:
        """One of the sources that lie in this directory or below it, as the export has it.

        Compares every row's source as text: a path that leads there by a link or by `..` is not seen."""
        if any(_overlap(os.path.normpath(to), directory) for to in self._sources.replacements):
            paths = ((row[0], self._sources.path(row[0])) for row in self._select(_SQL["sources"]))
            return next((source for source, path in paths if is_within(path, directory)), None)
        sources = os.path.normpath(self._sources.directory)
        absolute = f"{directory.rstrip('/')}/"
        if is_within(sources, directory):
            rows = self._select(_SQL["source_within_or_relative"], {"absolute": absolute})
        else:
            relative = (
                f"{os.path.relpath(directory, sources)}/" if is_within(directory, sources) else absolute
            )
            rows = self._select(_SQL["source_within"], {"absolute": absolute, "relative": relative})
        return rows[0][0] if rows else None


def _overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)
