"""What people say of images and batches: of what they have seen, once, and never lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import GivenVerdict, Standing, Verdict, VerdictsTaken
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, finish, make_ledger

MD5 = "e4d909c290d0fb1ca068ffaddf22cbd0"
"""Of all JPEGs that `finish` makes."""
JANE, OTTO = "Jane (jd@desk)", "otto@archive"


def fine(image: int, given: float | None = None) -> GivenVerdict:
    return GivenVerdict(image, Verdict.FINE, MD5, given=given)


def not_fine(image: int, why: str, given: float | None = None) -> GivenVerdict:
    return GivenVerdict(image, Verdict.NOT_FINE, MD5, why, given)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Images 1 and 2 failed, 3 to 6 done, 7 and 8 pending."""
    return make_ledger(tmp_path / "ws", 8, failed=2, done=4)


def shown(ledger: Ledger) -> tuple[Standing, tuple[int, int]]:
    standing = ledger.standing("newspapers")
    return standing, (standing.changes, standing.not_fine)


def ids(workspace: Workspace, verdict: str) -> list[int]:
    with LedgerReader(workspace) as reader:
        wanted = ImageFilter(verdict=verdict)
        assert reader.count(wanted) == len(reader.ids(wanted))
        return reader.ids(wanted)


def test_a_verdict_is_recorded_once_and_the_last_one_counts(workspace: Workspace) -> None:
    now = time.time()
    with Ledger.open(workspace) as ledger:
        taken = ledger.give_verdicts([fine(3, now - 50), not_fine(4, "too\ndark ", now - 40)], JANE)
        assert taken == VerdictsTaken(recorded=(3, 4))
        again = ledger.give_verdicts([fine(3, now - 50), not_fine(4, "too dark", now - 40)], OTTO)
        assert again == VerdictsTaken(known=(3, 4)), "the same file, imported again"
        assert ledger.give_verdicts([not_fine(3, "stained", now - 60)], OTTO).recorded == (3,)
        assert ledger.give_verdicts([not_fine(4, "too dark")], JANE).known == (4,)
    with LedgerReader(workspace) as reader:
        image = reader.image(3)
        assert image is not None
        assert (image.verdict, image.verdict_by, image.verdict_at) == ("fine", JANE, now - 50)
        assert image.to_json()["verdict_why"] == ""
        history = [(one.verdict, one.why, one.person, one.of_another) for one in reader.verdicts(3)]
        assert history == [("not-fine", "stained", OTTO, False), ("fine", "", JANE, False)]
        assert [event.message for event in reader.events(image_id=4)][-1] == f"not fine: too dark, by {JANE}"
    assert (ids(workspace, "fine"), ids(workspace, "not-fine"), ids(workspace, "none")) == ([3], [4], [5, 6])


def test_a_verdict_is_of_the_jpeg_that_was_seen_and_of_no_other(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        other = GivenVerdict(5, Verdict.FINE, "0" * 32)
        taken = ledger.give_verdicts([fine(1), fine(3), other, fine(7)], JANE)
        assert taken == VerdictsTaken(recorded=(3,), changed=(1, 5, 7))
        for wrong, why in (
            (fine(99), "no image 99"),
            (not_fine(4, " \n"), "image 4: not fine needs a reason; nothing was changed"),
            (not_fine(4, "x" * 2001), "a reason has at most 2000 characters"),
        ):
            with pytest.raises(UserError, match=why):
                ledger.give_verdicts([fine(5), wrong], JANE)
        ledger.convert_again([3], "missing")
        assert ledger.standing("newspapers").fine == 0
        assert not ids(workspace, "fine"), "there is no JPEG now"
        finish(ledger, 3)
        assert ledger.standing("newspapers").fine == 1, "the same bytes again"
        ledger._db.execute("UPDATE images SET md5 = 'other' WHERE id = 3")
        assert ledger.standing("newspapers").fine == 0
        assert [one.of_another for one in ledger.verdicts(3)] == [True]
    assert ids(workspace, "none") == [3, 4, 5, 6]


def test_a_verdict_can_be_taken_back(workspace: Workspace) -> None:
    back = GivenVerdict(3, Verdict.WITHDRAWN, MD5)
    with Ledger.open(workspace) as ledger:
        assert ledger.give_verdicts([back], JANE).known == (3,), "there is nothing to take back"
        ledger.give_verdicts([fine(3)], JANE)
        assert ledger.give_verdicts([back], OTTO).recorded == (3,)
        assert [one.verdict for one in ledger.verdicts(3)] == ["fine", "withdrawn"]
        assert ledger.standing("newspapers").fine == 0
    assert ids(workspace, "none") == [3, 4, 5, 6]


def test_an_approval_keeps_what_was_seen_and_is_marked_once_that_changes(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.give_verdicts([fine(3), not_fine(4, "dark")], JANE)
        standing, seen = shown(ledger)
        assert standing.open_items == "1 image not fine, 2 images failed, 2 images not converted yet"
        assert ledger.approve("newspapers", "good enough", JANE, None, seen)
        assert not ledger.approve("newspapers", "good enough", JANE, None, seen), "known"
        approval = ledger.standing("newspapers").approval
        assert approval is not None
        counts = (approval.done, approval.failed, approval.waiting, approval.fine, approval.not_fine)
        assert (approval.person, approval.note, *counts) == (JANE, "good enough", 4, 2, 2, 1, 1)
        assert ledger.standing("newspapers").changed_since == 0
        ledger.requeue(Selection(ids=(1,)))
        assert ledger.standing("newspapers").to_json()["changed_since"] is True
        with pytest.raises(UserError, match="not approved: 1 change of its images came after it was shown"):
            ledger.approve("newspapers", "", OTTO, None, seen)
        assert ledger.approve("newspapers", "", OTTO, None, shown(ledger)[1])
        assert ledger.standing("newspapers").changed_since == 0
        assert ledger.withdraw_approval("newspapers", "too early", OTTO)
        assert not ledger.withdraw_approval("newspapers", "too early", OTTO)
        history = [(one.approved, one.person) for one in ledger.standing("newspapers").approvals]
        assert history == [(False, OTTO), (True, OTTO), (True, JANE)], "nothing is deleted"


def test_nothing_is_approved_that_was_not_seen(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        _, seen = shown(ledger)
        ledger.give_verdicts([not_fine(3, "dark")], OTTO)
        with pytest.raises(
            UserError, match="1 image is not fine now, and 0 when it was shown; look at it again"
        ):
            ledger.approve("newspapers", "", JANE, None, seen)
        ledger.import_rows(export(2, "maps"))
        maps = ledger.standing("maps")
        with pytest.raises(UserError, match="none of its images is delivered yet"):
            ledger.approve("maps", "", JANE, None, (maps.changes, 0))
        with pytest.raises(UserError, match="no batch 'nowhere'"):
            ledger.approve("nowhere", "", JANE, None, seen)
        _, seen = shown(ledger)
        finish(ledger, 7)
        with pytest.raises(UserError, match="1 change of its images"):
            ledger.approve("newspapers", "", JANE, None, seen)
