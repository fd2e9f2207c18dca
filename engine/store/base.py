"""What every store promises, whether it is a local directory or an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import BinaryIO, Protocol

from msgspec import Struct, field

from engine.failures import Cause, Failure, Stage, one_line
from engine.messages import FaultKind, KnownStore, Stored, StoreRequest


class StoreError(Exception):
    """A transfer or a probe that failed: whose fault it is, and the failure as the ledger keeps it."""

    def __init__(
        self, fault: FaultKind, cause: Cause, message: str, hint: str = "", never_answered: bool = False
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.failure = Failure(cause, Stage.STORING, one_line(message), hint)
        self.never_answered = never_answered
        """Nothing has ever answered there since the store was opened: it may not be there at all."""

    def __reduce__(self) -> tuple[type[StoreError], tuple[FaultKind, Cause, str, str, bool]]:
        failure = self.failure
        return StoreError, (self.fault, failure.cause, failure.message, failure.hint, self.never_answered)


class StoredObject(Struct, frozen=True):
    """One object of a listing; `key` is relative to the store's root, as a row's target is."""

    key: str
    size_bytes: int
    md5: str | None
    """Hexadecimal; None if the listing does not tell it."""


class StoreStep(StrEnum):
    """What a run relies on of a store."""

    LIST = "list"
    PUT = "put"
    HEAD = "head"
    GET = "get"
    DELETE = "delete"


class StoreTrial(Struct, frozen=True):
    """What `write_probe` has found without an error."""

    untried: Mapping[StoreStep, str] = field(default_factory=dict)
    """The steps that it could not try, and why; every other one was tried and did what it should."""

    @property
    def is_proof(self) -> bool:
        """Whether a run can rely on the store; it deletes nothing but what is broken or its own."""
        return not self.untried.keys() - {StoreStep.DELETE}


class LeftoverKind(StrEnum):
    """What photostat may leave in a store when it is killed, or may not delete."""

    PARTIAL_FILE = "partial-file"
    """A file that was being written."""
    PROBE_OBJECT = "probe-object"
    """The object that a probe puts and deletes."""
    UNFINISHED_UPLOAD = "unfinished-upload"
    """The parts of an object that was being sent."""


class Leftover(Struct, frozen=True):
    """What photostat, of this workspace or of another, has not finished in a store: left behind, or under way."""

    kind: LeftoverKind
    key: str
    """Relative to the store's root."""
    owner: str = ""
    """See KnownStore; empty if nothing shows it."""
    modified: float | None = None
    """Unix time, s; of a file."""
    upload_id: str = ""


class Store(Protocol):
    """What the uploader, `check` and `reconcile` need. `put` may be called from several threads at once."""

    def expect(self, known: KnownStore) -> None:
        """The ledger now knows this of the store. If a directory shows nothing of that, its volume is probably not
        mounted, and nothing is written there."""

    def put(self, request: StoreRequest) -> Stored:
        """Put the JPEG under its target, whole, digest checked and confirmed, overwriting nothing but an object with an
        MD5 that the request names as one it may replace. Until the JPEG is there, such an object stays.

        Raises StoreError: the item's fault if a different object has the name (`store-mismatch`) or the scratch
        file is not what was proved (`proof-failed`: convert it again), otherwise another fault."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, in the order of the keys' UTF-8 bytes, streaming.

        Raises StoreError, also midway."""

    def leftovers(self, prefix: str = "") -> Iterable[Leftover]:
        """What the last listing, which was of this prefix, passed over, and unfinished uploads. Raises StoreError."""

    def remove(self, leftover: Leftover) -> None:
        """Remove it; that it is gone already is no error. Raises StoreError."""

    @property
    def is_local(self) -> bool:
        """Whether objects can be read back without a network; a comparison then reads them."""

    def digest(self, key: str) -> str | None:
        """The MD5 of an object's bytes, read back, hexadecimal; None when there is no such object."""

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """An object's first bytes; None when there is no such object. Raises StoreError."""

    def fetch(self, key: str, out: BinaryIO) -> str | None:
        """Write an object's bytes into an empty file; returns their MD5, hexadecimal; None if there is no such object.

        Raises StoreError, and OSError if the file cannot be written."""

    def probe(self) -> None:
        """Check by reading only that the store is there and ours to use; raises StoreError."""

    def write_probe(self) -> StoreTrial:
        """List, and put, look at, read back and delete a tiny object of photostat's own; raises StoreError."""

    def overrule(self) -> bool:
        """A person says that this is the store, although it shows nothing of what the ledger knows: from now on
        it counts as that. True if it did not before. Raises StoreError if it cannot be the store."""

    def close(self) -> None:
        """Close the connections."""


__all__ = ["Leftover", "LeftoverKind", "Store", "StoreError", "StoreStep", "StoreTrial", "StoredObject"]
