"""Images that a person takes out of their workers: skipped, they wait behind all others; stopped, they fail."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.failures import Cause, Failure, Stage
from engine.formatting import duration
from engine.ledger.models import PendingImage

_REMEDY = "A person has stopped it: requeue it to try it again, or accept it with a reason."


class SetAside(Struct, frozen=True):
    """What a person has ordered about an attempt."""

    by: str
    """Who, as `Person` writes it."""
    fails: bool
    """The image fails; else it is pending again, behind all others."""

    @property
    def words(self) -> str:
        return f"{'stopped' if self.fails else 'skipped'} by {self.by}"

    def failure(self, stage: Stage, after_s: float) -> Failure:
        message = f"{self.words} after {duration(after_s)}, while {stage}"
        return Failure(Cause.TIMED_OUT, stage, message, _REMEDY)


class SkippedImages:
    """Those that wait behind all others, until they start or this engine ends."""

    def __init__(self) -> None:
        self._images: dict[int, None] = {}
        """In the order in which they were skipped."""

    def __len__(self) -> int:
        return len(self._images)

    @property
    def ids(self) -> tuple[int, ...]:
        """The next one first."""
        return tuple(self._images)

    def add(self, image_id: int) -> None:
        self._images.pop(image_id, None)
        self._images[image_id] = None

    def discard(self, image_id: int) -> None:
        self._images.pop(image_id, None)

    def behind(self, candidates: Sequence[PendingImage], *, more_to_come: bool) -> list[PendingImage]:
        """Of the images that may start, those that were not skipped; if there are no others, the skipped ones."""
        others = [image for image in candidates if image.image_id not in self._images]
        if others or more_to_come:
            return others
        places = {image_id: place for place, image_id in enumerate(self._images)}
        return sorted(candidates, key=lambda image: places[image.image_id])
