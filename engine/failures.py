"""Why images fail: a closed list of causes, and for each what a person can do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from engine.formatting import visible

_SPACES = re.compile(r"(?:(?![\x1c-\x1f\x85\u2028\u2029])\s)+")
"""The controls and separators that Python takes for spaces are none here: they are made visible."""


class Cause(StrEnum):
    SOURCE_MISSING = "source-missing"
    SOURCE_UNREADABLE = "source-unreadable"
    NOT_JPEG2000 = "not-jpeg2000"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    TOO_LARGE_FOR_JPEG = "too-large-for-jpeg"
    OUT_OF_MEMORY = "out-of-memory"
    WORKER_CRASHED = "worker-crashed"
    TIMED_OUT = "timed-out"
    PROOF_FAILED = "proof-failed"
    TARGET_COLLISION = "target-collision"
    STORE_DENIED = "store-denied"
    STORE_MISMATCH = "store-mismatch"
    STORE_UNAVAILABLE = "store-unavailable"
    DISK_FULL = "disk-full"
    INTERNAL = "internal"


class Stage(StrEnum):
    """The step of an image's conversion: what its worker does at the moment, or where it failed."""

    IDLE = "idle"
    """Of a worker without an image."""
    MANIFEST = "manifest"
    READING = "reading"
    VALIDATING = "validating"
    DECODING = "decoding"
    ENCODING = "encoding"
    PROVING = "proving"
    STORING = "storing"


REMEDIES: dict[Cause, str] = {
    Cause.SOURCE_MISSING: "Find the file or correct its path in the export and add the export again, then requeue.",
    Cause.SOURCE_UNREADABLE: "Check the permissions and the health of the share, then requeue.",
    Cause.NOT_JPEG2000: "Replace the file by the JPEG 2000 it should be, or accept it with a reason.",
    Cause.TRUNCATED: "Restore the file from a backup or ask the supplier for it again, then requeue.",
    Cause.CORRUPT: "Restore the file from a backup or ask the supplier for it again, then requeue.",
    Cause.UNSUPPORTED: "Convert this image by hand, or accept it with a reason.",
    Cause.TOO_LARGE_FOR_JPEG: 'Set oversize = "shrink" under [jpeg] and requeue, or accept it with a reason.',
    Cause.OUT_OF_MEMORY: "Requeue when more memory is free, or raise memory_limit under [engine].",
    Cause.WORKER_CRASHED: "Requeue once; if it crashes again keep the file for a report and accept it with a reason.",
    Cause.TIMED_OUT: "Requeue when the machine and the share are less busy, or set timeout under [engine].",
    Cause.PROOF_FAILED: "Requeue once; if it fails again compare source and JPEG by eye and report it.",
    Cause.TARGET_COLLISION: "Give the rows different names in the export, add it again, then requeue.",
    Cause.STORE_DENIED: "Correct the credentials or the bucket's policy, then requeue.",
    Cause.STORE_MISMATCH: "A different object has this name: look whose it is; move it away or accept this row.",
    Cause.STORE_UNAVAILABLE: "Wait until the store answers again (`photostat check` tells), then requeue.",
    Cause.DISK_FULL: "Free space where scratch and the store are, then requeue.",
    Cause.INTERNAL: "This is a fault of photostat: requeue once, and report it with the log line if it comes back.",
}

RETRYABLE = frozenset(
    {
        Cause.SOURCE_UNREADABLE,
        Cause.WORKER_CRASHED,
        Cause.TIMED_OUT,
        Cause.PROOF_FAILED,
        Cause.OUT_OF_MEMORY,
        Cause.STORE_UNAVAILABLE,
        Cause.INTERNAL,
    }
)
"""Causes that may be gone in another attempt; the others come back with the same bytes every time."""

UNEXPLAINED = frozenset({Cause.INTERNAL, Cause.WORKER_CRASHED, Cause.TIMED_OUT})
"""Causes that nothing in an image's bytes shows; a second image in a row that fails so begins a hold."""

SOURCE_CAUSES = frozenset({Cause.SOURCE_MISSING, Cause.SOURCE_UNREADABLE})
"""Causes that may be the share's fault; if so, the image does not fail."""


class Failure(Struct, frozen=True):
    """Why an image failed: `message` has the facts, one line, no traceback."""

    cause: Cause
    stage: Stage
    message: str
    hint: str = ""
    """A more exact remedy than the one of the cause; empty if there is none."""

    @property
    def remedy(self) -> str:
        return self.hint or REMEDIES[self.cause]

    @property
    def with_remedy(self) -> str:
        """What happened, and what to do."""
        message = self.message.rstrip(".")
        return f"{message} {self.remedy}" if message.endswith("?") else f"{message}. {self.remedy}"


class ImageError(Exception):
    """Ends the conversion of one image; the boundary to the supervisor turns it into its `failure`."""

    def __init__(self, cause: Cause, stage: Stage, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.failure = Failure(cause, stage, one_line(message), hint)
        self.warnings: tuple[str, ...] = ()
        """The warnings that had been given before it failed."""
        self.source_bytes = 0
        self.source_digest = ""
        """Of what was read, `ALGORITHM:HEX`; empty if that was not all of it."""

    def __reduce__(self) -> tuple[type[ImageError], tuple[Cause, Stage, str, str]]:
        failure = self.failure
        return ImageError, (failure.cause, failure.stage, failure.message, failure.hint)


class UserError(Exception):
    """Usage, configuration or input that a person must correct, in one clear line; commands exit with 2."""


def system_error_text(error: OSError) -> str:
    """What the operating system has refused, in one line, and what to do if its disk is the reason."""
    what = error.strerror or str(error)
    advice = {
        errno.ENOSPC: ": free space there, then try again",
        errno.EDQUOT: ": free some of your quota there, then try again",
        errno.EROFS: ": make it writable, then try again",
    }
    name = f"{error.filename}: " if error.filename else ""
    return one_line(f"{name}{what}{advice.get(error.errno or 0, '')}")


def without_path(message: str, path: str) -> str:
    """The message of a failure for where the image's path stands beside it, relative as in the export or absolute."""
    name = re.escape(one_line(path))
    quoted = f'"{name}"' if path.startswith("/") else f'"(?:[^"]*/)?{name}"'
    message = re.sub(f"^{quoted} is ", "this is ", re.sub(f": {quoted}", "", message, count=1))
    return re.sub(f"(^|: ){name}: ", r"\1", message, count=1) if path.startswith("/") else message


def unforeseen_text(error: Exception) -> str:
    """What nobody foresaw, in one line; what the operating system refused without its number."""
    said = system_error_text(error) if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(f"{type(error).__name__}: {said}")


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant by a misspelt word, whatever the case of either."""
    import difflib  # only where something is wrong

    by_lower_case = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), sorted(by_lower_case), 1, 0.6)
    return by_lower_case[found[0]] if found else None


def one_line(text: str) -> str:
    """The text on one line, with control characters made visible, so that a log line stays one line."""
    return visible(" ".join(_SPACES.split(text)).strip(" "))
