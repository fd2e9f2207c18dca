"""The words that the ledger's columns hold: an image's state, how an attempt ended, an event's level."""

from __future__ import annotations

from enum import StrEnum


class ImageState(StrEnum):
    """Every image is in exactly one of these. The schema checks the same list."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    DONE = "done"
    FAILED = "failed"
    ACCEPTED = "accepted"


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
