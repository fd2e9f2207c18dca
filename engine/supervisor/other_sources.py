"""Whether another machine has read the bytes that the engine's machine sees: only then a fault in them is an image's.

Pure: the engine's surveyor reads the source again, and this compares.
"""

from __future__ import annotations

from engine.failures import SOURCE_CAUSES, Cause, Failure, Stage
from engine.messages import Converted, NotConverted, NotSurveyed, Surveyed

_OF_ITS_BYTES = frozenset(
    {Cause.TRUNCATED, Cause.CORRUPT, Cause.NOT_JPEG2000, Cause.UNSUPPORTED, Cause.TOO_LARGE_FOR_JPEG}
)
_MOST_DIGESTED_BYTES = 2 << 30
"""Reading more takes the surveyor too long; then the size alone is compared."""


def is_doubtful(facts: NotConverted) -> bool:
    """Whether this is true only of the file that the other machine has read."""
    return facts.failure.cause in SOURCE_CAUSES or facts.failure.cause in _OF_ITS_BYTES


def digest_to_compare(facts: NotConverted) -> str:
    """The algorithm, or "" if no digest is wanted."""
    may_have_changed = facts.failure.cause is Cause.SOURCE_UNREADABLE
    is_wanted = (
        facts.failure.cause in _OF_ITS_BYTES or may_have_changed
    ) and facts.source_bytes <= _MOST_DIGESTED_BYTES
    return facts.source_digest.partition(":")[0] if is_wanted else ""


def of_another_size(result: Converted, surveyed_bytes: int) -> NotConverted | None:
    """A JPEG of a file that is not the one whose header the engine has read."""
    if result.source_bytes == surveyed_bytes:
        return None
    message = (
        f"the source has {result.source_bytes} bytes on this machine, and had {surveyed_bytes} for the engine"
    )
    failure = Failure(Cause.SOURCE_UNREADABLE, Stage.READING, message)
    took = (result.peak_rss_bytes, result.cpu_s, result.wall_s)
    return NotConverted(
        result.image_id,
        failure,
        result.warnings,
        *took,
        attempt=result.attempt,
        source_bytes=result.source_bytes,
        source_digest=result.source_digest,
    )


def other_than_here(path: str, facts: NotConverted, found: Surveyed | NotSurveyed | None) -> str | None:
    """What is wrong with the other machine's source, one line; None if it is as the engine's machine has `found` it."""
    if not isinstance(found, Surveyed):
        return None
    if facts.source_bytes and facts.source_bytes != found.source_bytes:
        return (
            f"{path} has {facts.source_bytes} bytes on this machine, and {found.source_bytes} for the engine"
        )
    if facts.failure.cause in SOURCE_CAUSES:
        if _has_changed(facts, found):
            return None
        return f"{path} is there for the engine, and not on this machine: is the share mounted here?"
    if found.source_digest and found.source_digest != facts.source_digest:
        return f"{path} has other bytes on this machine than for the engine, although as many"
    return None


def _has_changed(facts: NotConverted, found: Surveyed) -> bool:
    """Whether the engine's machine, too, has other bytes now than were read at the beginning."""
    was_read = facts.failure.cause is Cause.SOURCE_UNREADABLE and bool(facts.source_digest)
    return was_read and found.source_digest != facts.source_digest
