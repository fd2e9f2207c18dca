"""Compares the ledger with a listing of the store: what is missing there, what is extra, what differs.

The listing may come in any order (SeaweedFS sorts directory by directory, S3 and a local directory by the keys'
bytes), so it is not merged with the ledger: each page of keys is looked up there, and a bit for each image that was
done when the listing began remembers whether it was seen. 430,000 images take 54 KB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from engine.store.base import Store, StoredObject, StoreError

_PAGE = 1000
"""Keys that are looked up together."""
_MOST_ETAGS_CHECKED = 3
"""After so many objects whose ETag is not the MD5 of their bytes, no ETag of this store counts as one."""
_FIRST_IN_STORE = (
    ImageState.DONE,
    ImageState.IN_FLIGHT,
    ImageState.PENDING,
    ImageState.FAILED,
    ImageState.ACCEPTED,
)
"""Of images that collide, the object in the store is that of the first one here."""


class DifferenceKind(StrEnum):
    MISSING = "missing"
    """Done in the ledger, not in the store."""
    EXTRA = "extra"
    """In the store, but no image of the ledger has this target, or it is not done."""
    DIFFERENT = "different"
    """Done, but in the store with another size or checksum."""


@dataclass(frozen=True)
class Difference:
    kind: DifferenceKind
    target: str
    """Relative to the store's root."""
    message: str
    image_id: int | None = None
    batch: str | None = None
    state: str | None = None
    """The image's; None if the ledger has no such target."""

    @classmethod
    def of(cls, kind: DifferenceKind, image: ImageRow, message: str) -> Difference:
        return cls(kind, image.target, message, image.id, image.batch, image.state)


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
    to_be_replaced: int = 0
    """Of those that match: delivered JPEGs that stay until another one is in their place."""
    size_only: int = 0
    """Of those that match: compared by size alone, because their MD5 is not in the listing and was not read."""

    @property
    def is_clean(self) -> bool:
        return self.missing + self.extra + self.different == 0

    @property
    def shows_none(self) -> bool:
        """None of the images that should be there is there."""
        return 0 < self.expected == self.missing

    def add(self, found: StoredObject, difference: Difference | None) -> None:
        self.objects += 1
        self.object_bytes += found.size_bytes
        if difference is None:
            self.matching += 1
        elif difference.kind is DifferenceKind.EXTRA:
            self.extra += 1
        else:
            self.different += 1


class Reconciliation:
    """One comparison; iterate `differences` once, and `counts` grow with it."""

    def __init__(
        self,
        reader: LedgerReader,
        store: Store,
        batch: str | None = None,
        *,
        read: bool = True,
        progress: Callable[[Counts], None] = lambda counts: None,
    ) -> None:
        """With `read`, files of a local store are read if the listing does not have their MD5: a file can be damaged
        and keep its size. `progress` is called with the counts after every object."""
        self.counts = Counts()
        self._progress = progress
        self._read = read and store.is_local
        self._reader = reader
        self._store = store
        self._batch = batch
        self._etags_without_md5 = 0

    def differences(self) -> Iterator[Difference]:
        """Extra and different ones in the listing's order, then missing ones by id. Raises StoreError."""
        unseen = _Ids(self._reader.ids(ImageFilter(batch=self._batch, state=ImageState.DONE)))
        self.counts.expected = len(unseen)
        listing = self._store.list(f"{self._batch}/" if self._batch else "")
        while page := list(islice(listing, _PAGE)):
            targets = [found.key for found in page if _is_text(found.key)]
            images = image_by_target(self._reader.by_target(targets))
            for found in page:
                image = images.get(found.key)
                if image is not None:
                    unseen.discard(image.id)
                difference = self._compare(found, image)
                self.counts.add(found, difference)
                self._progress(self.counts)
                if difference:
                    yield difference
        yield from self._missing(unseen)

    def _missing(self, unseen: Iterable[int]) -> Iterator[Difference]:
        """Of the images that the listing did not have, those that are still done."""
        for image_id in unseen:
            image = self._reader.image(image_id)
            if image is not None and image.state is ImageState.DONE:
                self.counts.missing += 1
                message = f"done ({image.jpeg_bytes} bytes, MD5 {image.md5}), but not in the store"
                yield Difference.of(DifferenceKind.MISSING, image, message)

    def _compare(self, found: StoredObject, image: ImageRow | None) -> Difference | None:
        if image is None:
            message = f"{found.size_bytes} bytes; no image of the ledger has this target"
            return Difference(DifferenceKind.EXTRA, found.key, message)
        if image.state is ImageState.IN_FLIGHT:  # it is being stored, or was just now
            return None
        if image.state is not ImageState.DONE:
            return self._compare_unfinished(found, image)
        if found.size_bytes != image.jpeg_bytes:
            message = f"{found.size_bytes} bytes instead of {image.jpeg_bytes}"
            return Difference.of(DifferenceKind.DIFFERENT, image, message)
        if found.md5 is None:
            return self._compare_file(image)
        if found.md5 == image.md5 or self._etags_without_md5 >= _MOST_ETAGS_CHECKED:
            return None
        return self._compare_object(image)

    def _compare_unfinished(self, found: StoredObject, image: ImageRow) -> Difference | None:
        """Of an image that is not done, the delivered JPEG that is to be replaced may be there, and nothing else."""
        message = f"{found.size_bytes} bytes; the image is {image.state}"
        try:
            if image.state is not ImageState.ACCEPTED and self._waits_to_be_replaced(found, image):
                self.counts.to_be_replaced += 1
                return None
        except StoreError as error:
            if not self._store.is_local:
                raise
            message += f", and what has its name cannot be read: {error.failure.message}"
        return Difference.of(DifferenceKind.EXTRA, image, message)

    def _waits_to_be_replaced(self, found: StoredObject, image: ImageRow) -> bool:
        """It is the delivered JPEG of an image that is converted again, or what has just come into its place."""
        waiting = self._reader.waiting_object(image.id)
        if waiting is None:
            return False
        md5 = found.md5
        if md5 not in waiting.may_be_there and (self._read or not self._store.is_local):
            md5 = self._store.digest(image.target)
        elif md5 is None:
            return found.size_bytes == waiting.jpeg_bytes
        return md5 in waiting.may_be_there

    def _compare_object(self, image: ImageRow) -> Difference | None:
        """By its bytes, because the ETag of an encrypted object is not their MD5."""
        md5 = self._store.digest(image.target)
        if md5 == image.md5:
            self._etags_without_md5 += 1
            return None
        return Difference.of(DifferenceKind.DIFFERENT, image, f"MD5 {md5} instead of {image.md5}")

    def _compare_file(self, image: ImageRow) -> Difference | None:
        """By its bytes, if they are to be read. One that cannot be read is a difference, and not the end."""
        if not self._read:
            self.counts.size_only += 1
            return None
        try:
            md5 = self._store.digest(image.target)
        except StoreError as error:
            message = f"cannot be read: {error.failure.message}"
        else:
            if md5 == image.md5:
                return None
            message = f"MD5 {md5} instead of {image.md5}" if md5 else "was taken away meanwhile"
        return Difference.of(DifferenceKind.DIFFERENT, image, message)


def image_by_target(images: Iterable[ImageRow]) -> dict[str, ImageRow]:
    """Of several that collide, the one that is done, or comes nearest to it."""
    nearest: dict[str, ImageRow] = {}
    for image in images:
        known = nearest.get(image.target)
        if known is None or _FIRST_IN_STORE.index(image.state) < _FIRST_IN_STORE.index(known.state):
            nearest[image.target] = image
    return nearest


def _is_text(key: str) -> bool:
    """A local store may hold names that are not UTF-8, which the ledger never has."""
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
