"""Delivered JPEGs that are to be replaced: the ledger knows what may be in the store at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from engine.config import JpegSettings
from engine.failures import Cause, Failure, Stage, UserError
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.writer import Ledger
from engine.messages import DecodeMode
from engine.workspace import Workspace
from tests.support.ledgers import converted, make_ledger, surveyed

MD5 = "e4d909c290d0fb1ca068ffaddf22cbd0"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Image 1 failed, 2 and 3 are done, 4 is pending."""
    return make_ledger(tmp_path / "ws", 4, failed=1, done=2)


def convert(ledger: Ledger, image: int, md5: str) -> None:
    ledger.surveyed([surveyed(image)])
    ledger.start(image, 1, 1, DecodeMode.WHOLE)
    ledger.converted(structs.replace(converted(image), md5=md5))


def test_only_delivered_jpegs_as_they_were_seen_are_to_be_replaced(workspace: Workspace) -> None:
    seen = [DeliveredJpeg(1, MD5), DeliveredJpeg(2, MD5), DeliveredJpeg(3, "0" * 32), DeliveredJpeg(4, MD5)]
    with Ledger.open(workspace) as ledger:
        taken = ledger.replace_delivered(seen, 95, None, "jd@desk")
        assert (taken.recorded, taken.changed) == ((2,), (1, 3, 4))
        for wrong, why in (([DeliveredJpeg(99, MD5)], "no image 99"), ([seen[2]] * 2, "named twice")):
            with pytest.raises(UserError, match=why):
                ledger.replace_delivered(wrong, 95, None, "jd@desk")
        again = ledger.replace_delivered([seen[1], DeliveredJpeg(4, MD5)], 96, None, "jd@desk")
        assert (again.recorded, again.changed) == ((2,), (4,)), "other settings, before it is converted"
        assert len(ledger.replacements(2)) == 1
        ledger.surveyed([surveyed(2), surveyed(4)])
        own, other = sorted(ledger.queue.to_convert(None, 10), key=lambda image: image.image_id)
    assert (own.quality, own.may_replace, other.quality, other.may_replace) == (96, (MD5,), None, ())
    assert own.jpeg_settings(JpegSettings(quality=80, optimize=True)) == JpegSettings(
        quality=96, optimize=True
    )
    assert other.jpeg_settings(JpegSettings(quality=80)).quality == 80
    with LedgerReader(workspace) as reader:
        image = reader.image(2)
        assert image is not None
        assert (image.state, image.replaces, image.quality, image.md5) == ("pending", MD5, 96, None)
        assert "quality 96 by jd@desk" in reader.events(image_id=2)[-1].message


def test_after_any_interruption_the_ledger_knows_what_may_be_in_the_store(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.replace_delivered([DeliveredJpeg(2, MD5)], 95, "4:2:0", "jd@desk")
        convert(ledger, 2, "a" * 32)
    with Ledger.open(workspace) as ledger:  # the engine was killed before, during or after the transfer
        (waiting,) = ledger.recover()
        assert (waiting.request.md5, waiting.request.may_replace) == ("a" * 32, (MD5, "a" * 32))
        ledger.back_to_pending(2, "its JPEG is not on scratch any more", counts=False)
        convert(ledger, 2, "b" * 32)
        convert_again = ledger.recover()[0].request.may_replace
        assert convert_again == (MD5, "a" * 32, "b" * 32)
        ledger.failed(2, Failure(Cause.STORE_DENIED, Stage.STORING, "no"))
        waiting_object = ledger.waiting_object(2)
        assert waiting_object is not None and waiting_object.md5 == MD5
        assert ledger.replacement_counts() == (0, 1)
        ledger.accept([2], "the old one will do")
        assert ledger.replacement_counts() == (0, 0), "nothing is to come in its place"
        ledger.requeue(Selection(ids=(2,)))
        convert(ledger, 2, "b" * 32)
        ledger.done(2)
        assert ledger.waiting_object(2) is None
        (history,) = ledger.replacements(2)
        assert (history.md5, history.new_md5, history.person) == (MD5, "b" * 32, "jd@desk")
        assert history.replaced is not None
        ledger.convert_again([2], "missing")
        ledger.surveyed([surveyed(2)])
        (image,) = ledger.queue.to_convert(None, 10)
        assert (image.quality, image.subsampling, image.may_replace) == (95, "4:2:0", ()), (
            "only its settings stay"
        )
