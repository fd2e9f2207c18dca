"""The words that the ledger's columns hold: an image's state, how an attempt ended, an event's level and kind."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ImageState(StrEnum):
    """Every image is in exactly one of these. The schema checks the same list."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    DONE = "done"
    FAILED = "failed"
    ACCEPTED = "accepted"


class OrderKind(StrEnum):
    """What a person orders about many images; each is the command of a client."""

    REQUEUE = "requeue"
    REQUEUE_MISSING = "requeue_missing"
    ACCEPT = "accept"
    ADD = "add"


class AttemptOutcome(StrEnum):
    CONVERTED = "converted"
    FAILED = "failed"
    AGAIN = "again"
    """It counts, and another attempt follows."""
    PUT_BACK = "put-back"
    """It does not count: the image was not at fault."""


class EventLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EventRank(IntEnum):
    """How long an event is kept, and where it is shown."""

    DETAIL = 0
    """With its image alone: in the history, a notable event tells of it and of others like it. It ages out."""
    ROUTINE = 1
    """It ages out."""
    NOTABLE = 2
    """It is kept for good."""


class EventKind(StrEnum):
    """What happened. A ledger may hold other kinds, which another version of photostat wrote."""

    ENGINE = "engine"
    """It started, ended, or a person changed what it does."""
    WORKER = "worker"
    SURVEYOR = "surveyor"
    UPLOADER = "uploader"
    GPU = "gpu"
    """What becomes of a GPU that decodes."""
    HOLD = "hold"
    END_OF_HOLD = "resumed"
    STARTED = "started"
    CONVERTED = "converted"
    STORED = "stored"
    WARNING = "warning"
    RETRY = "retry"
    """Another attempt follows."""
    PUT_BACK = "put-back"
    """Pending again, and the attempt does not count."""
    SKIP = "skip"
    """A person has ended the attempt: it waits behind all others."""
    FAILED = "failed"
    ADD = "add"
    CHANGED = "changed"
    """A later export has other values for the image."""
    BATCH = "batch"
    """A person has moved, held or released one."""
    REQUEUE = "requeue"
    ACCEPT = "accept"
    VERDICT = "verdict"
    """What a person says of a delivered image."""
    APPROVAL = "approval"
    """A person approves a batch, or takes that back."""
