"""Which images start while some are skipped."""

from __future__ import annotations

from engine.failures import Cause, Stage
from engine.ledger.models import PendingImage
from engine.messages import Surveyed
from engine.supervisor.set_aside import SetAside, SkippedImages


def image(image_id: int) -> PendingImage:
    header = Surveyed(image_id, 1000, 10, 10, 3, 8, 10, 10, 5, "srgb")
    return PendingImage(image_id, "plates", "uuid", "", "a.jp2", "plates/uuid/a.jpg", "", 0, header)


ALL = [image(number) for number in (1, 2, 3)]


def started(skipped: SkippedImages, *, more_to_come: bool = False) -> list[int]:
    return [one.image_id for one in skipped.behind(ALL, more_to_come=more_to_come)]


def test_skipped_images_wait_behind_all_others_and_start_in_the_order_in_which_they_were_skipped() -> None:
    skipped = SkippedImages()
    assert started(skipped) == [1, 2, 3]
    skipped.add(2)
    assert started(skipped) == [1, 3]
    for number in (3, 1):
        skipped.add(number)
    assert started(skipped, more_to_come=True) == [], "others are not surveyed yet"
    assert started(skipped) == [2, 3, 1]
    skipped.add(2)
    assert skipped.ids == (3, 1, 2)
    skipped.discard(1)
    assert started(skipped) == [1]


def test_what_is_stopped_fails_with_who_has_stopped_it() -> None:
    failure = SetAside("anna (pts/3, reading-room)", fails=True).failure(Stage.DECODING, 1325.0)
    assert (failure.cause, failure.stage) == (Cause.TIMED_OUT, Stage.DECODING)
    assert failure.message == "stopped by anna (pts/3, reading-room) after 22 min 05 s, while decoding"
    assert "requeue it" in failure.remedy
