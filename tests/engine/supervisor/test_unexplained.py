"""A fault that no image's bytes show: one may be the image's, a second in a row is not."""

from __future__ import annotations

from unittest.mock import Mock

from engine.failures import Cause, Failure, Stage
from engine.ledger.models import Subject
from engine.supervisor.holds import Holds
from engine.supervisor.unexplained import UnexplainedFaults

FAILURE = Failure(Cause.INTERNAL, Stage.READING, "KeyError: 'ETag'")

MISMATCH = Failure(Cause.STORE_MISMATCH, Stage.STORING, "another object is at b/u/1.jpg")


def subject(image_id: int) -> Subject:
    return Subject(image_id, "", "", f"{image_id}.jpg")


def requeued(run: Mock) -> list[tuple[int, ...]]:
    given_back: list[tuple[int, ...]] = [call.args[0] for call in run.ledger.give_back.call_args_list]
    return [tuple(sorted(ids)) for ids in given_back]


def test_the_second_in_a_row_from_another_image_holds_and_gives_both_back() -> None:
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run)
    faults.failed(subject(1), FAILURE)
    faults.failed(subject(1), FAILURE)
    faults.worked()
    faults.failed(subject(2), FAILURE)
    assert run.holds.may_try
    faults.failed(subject(3), FAILURE)
    assert not run.holds.may_try
    assert requeued(run) == [(2, 3)]
    faults.failed(subject(4), FAILURE)  # it was under way
    assert requeued(run)[-1] == (4,)


def test_images_that_fail_so_while_others_go_through_fail_the_second_time() -> None:
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run)
    faults.failed(subject(1), FAILURE)
    faults.failed(subject(2), FAILURE)
    faults.worked()
    assert run.holds.may_try
    faults.failed(subject(1), FAILURE)
    faults.failed(subject(2), FAILURE)
    assert run.holds.may_try
    assert requeued(run) == [(1, 2)]


def test_a_resume_lets_these_images_fail_and_no_others() -> None:
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run)
    for image in (1, 2):
        faults.failed(subject(image), FAILURE)
    run.holds.probe_now(100.0)
    assert run.holds.may_try
    for image in (1, 2, 3, 4):
        faults.failed(subject(image), FAILURE)
    assert requeued(run) == [(1, 2), (3, 4)]
    assert not run.holds.may_try


def test_refusals_of_the_store_hold_at_the_fourth_in_a_row() -> None:
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run, "stored")
    for image in (1, 2, 3):
        faults.failed(subject(image), MISMATCH)
    faults.worked()
    assert requeued(run) == [(1, 2, 3)]
    for image in (1, 2, 3, 4, 5, 6):
        faults.failed(subject(image), MISMATCH)
    assert run.holds.may_try and requeued(run) == [(1, 2, 3)]
    faults.failed(subject(7), MISMATCH)
    assert not run.holds.may_try and requeued(run)[1:] == [(4, 5, 6, 7)]
    faults.failed(subject(8), MISMATCH)  # it was under way
    assert requeued(run)[2:] == [(8,)]


def test_each_resume_lets_ten_times_as_many_refusals_through() -> None:
    """A series that is right to fail ends after a few resumes, each of which says what it will do."""
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run, "stored")
    image, resumes = 1, 0
    while image <= 2000:
        faults.failed(subject(image), MISMATCH)
        if run.holds.may_try:
            image += 1
            continue
        (*_, back) = requeued(run)
        assert len(back) == 4 * 10**resumes
        run.holds.probe_now(100.0)
        for again in back:
            faults.failed(subject(again), MISMATCH)
        assert run.holds.may_try
        image, resumes = image + 1, resumes + 1
    assert resumes == 3
    faults.worked()
    for image in range(3001, 3005):
        faults.failed(subject(image), MISMATCH)
    assert not run.holds.may_try and len(requeued(run)[-1]) == 4


def test_a_refusal_beside_a_fault_that_nobody_foresaw_holds_at_once() -> None:
    run = Mock(holds=Holds())
    faults = UnexplainedFaults(run, "stored")
    faults.failed(subject(1), MISMATCH)
    faults.failed(subject(2), FAILURE)
    assert not run.holds.may_try and requeued(run) == [(1, 2)]
