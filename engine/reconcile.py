"""The ledger against a listing of the store: what is missing there, what is extra, what differs. Streaming.

The listing may come in any order (SeaweedFS sorts directory by directory, S3 by the keys' bytes, a local directory
as S3), so nothing is merged: each page of keys is looked up in the ledger, and a bit per image remembers which of
the images that were done when the listing began have been seen. 430,000 images take 54 KB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.store.base import Store, StoredObject, StoreError

_PAGE = 1000
_READ_BACK_AT_MOST = 3
"""So many objects whose ETags are no digests of their bytes, and this store's ETags are no digests."""


class Kind(StrEnum):
    MISSING = "missing"
    """Done in the ledger, not in the store."""
    EXTRA = "extra"
    """In the store; no image of the ledger has this target, or it is not done."""
    DIFFERENT = "different"
    """Done, and in the store with another size or digest."""


@dataclass(frozen=True)
class Difference:
    kind: Kind
    target: str
    """Relative to the store's root."""
    message: str
    image_id: int | None = None
    batch: str | None = None
    state: str | None = None
    """The image's in the ledger; None where the ledger knows no such target."""


@dataclass
class Counts:
    """What was compared so far."""

    expected: int = 0
    """Images done when the listing began."""
    objects: int = 0
    """In the store."""
    object_bytes: int = 0
    matching: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    size_only: int = 0
    """Of those that match: compared by size alone, for their digest is not in the listing and was not read."""

    @property
    def is_clean(self) -> bool:
        return self.missing + self.extra + self.different == 0


class Reconciliation:
    """One comparison; iterate `differences` once, `counts` grow with it."""

    def __init__(
        self,
        reader: LedgerReader,
        store: Store,
        batch: str | None = None,
        *,
        read: bool = True,
        progress: Callable[[Counts], None] = lambda counts: None,
    ) -> None:
        """With `read`, files of a store that is near are read where the listing does not have their digests:
        a file can be damaged and keep its size. `progress` is told the counts after every object."""
        self.counts = Counts()
        self._progress = progress
        self._read = read and store.is_local
        self._reader = reader
        self._store = store
        self._batch = batch
        self._etags_doubted = 0

    def differences(self) -> Iterator[Difference]:
        """Extra and different ones in the listing's order, then missing ones by id. Raises StoreError."""
        missing = _Ids(self._reader.ids(batch=self._batch, state="done"))
        self.counts.expected = len(missing)
        listing = self._store.list(f"{self._batch}/" if self._batch else "")
        while page := list(islice(listing, _PAGE)):
            rows = best_of(self._reader.by_target([found.key for found in page if _is_text(found.key)]))
            for found in page:
                row = rows.get(found.key)
                if row is not None:
                    missing.discard(row.id)
                difference = self._judge(found, row)
                self._count(found, difference)
                self._progress(self.counts)
                if difference:
                    yield difference
        for image_id in missing:
            row = self._reader.image(image_id)
            if row is not None and row.state == "done":
                self.counts.missing += 1
                size = f"{row.jpeg_bytes} bytes, MD5 {row.md5}"
                yield Difference(
                    Kind.MISSING,
                    row.target,
                    f"done ({size}), but not in the store",
                    row.id,
                    row.batch,
                    row.state,
                )

    def _judge(self, found: StoredObject, row: ImageRow | None) -> Difference | None:
        if row is None:
            message = f"{found.size_bytes} bytes; no image of the ledger has this target"
            return Difference(Kind.EXTRA, found.key, message)
        who = (row.id, row.batch, row.state)
        if row.state == "in_flight":  # stored just now, or about to be: the ledger has not said yet
            return None
        if row.state != "done":
            return Difference(
                Kind.EXTRA, found.key, f"{found.size_bytes} bytes; the image is {row.state}", *who
            )
        if found.size_bytes != row.jpeg_bytes:
            message = f"{found.size_bytes} bytes instead of {row.jpeg_bytes}"
            return Difference(Kind.DIFFERENT, found.key, message, *who)
        if found.md5 is None:
            return self._judge_by_reading(found.key, row)
        if found.md5 == row.md5 or self._etags_doubted >= _READ_BACK_AT_MOST:
            return None
        digest = self._store.digest(
            found.key
        )  # of an encrypted object the ETag is no digest: the bytes decide
        if digest == row.md5:
            self._etags_doubted += 1
            return None
        return Difference(Kind.DIFFERENT, found.key, f"MD5 {digest} instead of {row.md5}", *who)

    def _judge_by_reading(self, key: str, row: ImageRow) -> Difference | None:
        if not self._read:
            self.counts.size_only += 1
            return None
        try:
            digest = self._store.digest(key)
        except StoreError as fault:  # one file that cannot be read is a finding, not the end
            said = f"cannot be read: {fault.failure.message}"
        else:
            if digest == row.md5:
                return None
            said = f"MD5 {digest} instead of {row.md5}" if digest else "was taken away meanwhile"
        return Difference(Kind.DIFFERENT, key, said, row.id, row.batch, row.state)

    def _count(self, found: StoredObject, difference: Difference | None) -> None:
        self.counts.objects += 1
        self.counts.object_bytes += found.size_bytes
        if difference is None:
            self.counts.matching += 1
        elif difference.kind is Kind.EXTRA:
            self.counts.extra += 1
        else:
            self.counts.different += 1


def best_of(rows: Iterable[ImageRow]) -> dict[str, ImageRow]:
    """The image each target is about: of several that collide, the one that is done, or on its way."""
    order = ("done", "in_flight", "pending", "failed", "accepted")
    best: dict[str, ImageRow] = {}
    for row in rows:
        known = best.get(row.target)
        if known is None or order.index(row.state) < order.index(known.state):
            best[row.target] = row
    return best


def _is_text(key: str) -> bool:
    """A local store may hold names that are no UTF-8; the ledger has none of these."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Ids:
    """A set of ids, a bit each."""

    def __init__(self, ids: list[int]) -> None:
        self._bits = bytearray(max(ids, default=0) // 8 + 1)
        self._count = len(ids)
        for number in ids:
            self._bits[number >> 3] |= 1 << (number & 7)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        for index, byte in enumerate(self._bits):
            if byte:
                yield from (index * 8 + bit for bit in range(8) if byte >> bit & 1)

    def discard(self, number: int) -> None:
        if number >> 3 < len(self._bits) and self._bits[number >> 3] >> (number & 7) & 1:
            self._bits[number >> 3] &= ~(1 << (number & 7)) & 0xFF
            self._count -= 1
