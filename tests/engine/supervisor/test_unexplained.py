"""A fault that no image's bytes show: one may be the image's, a second in a row is not."""

from __future__ import annotations

from unittest.mock import Mock

from engine.failures import Cause, Failure, Stage
from engine.ledger.filters import Selection
from engine.ledger.models import Subject
from engine.supervisor.holds import Holds
from engine.supervisor.unexplained import UnexplainedFaults

FAILURE = Failure(Cause.INTERNAL, Stage.READING, "KeyError: 'ETag'")


def subject(image_id: int) -> Subject:
    return Subject(image_id, "", "", f"{image_id}.jpg")


def requeued(run: Mock) -> list[tuple[int, ...]]:
    selections: list[Selection] = [call.args[0] for call in run.ledger.requeue.call_args_list]
    return [tuple(sorted(selection.ids or ())) for selection in selections]


def test_the_second_in_a_row_from_another_image_holds_and_gives_both_back() -> None:
    run = Mock(holds=Holds(1 << 30))
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
    assert requeued(run)[-1] == (2, 3, 4)


def test_images_that_fail_so_while_others_go_through_fail_the_second_time() -> None:
    run = Mock(holds=Holds(1 << 30))
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
    run = Mock(holds=Holds(1 << 30))
    faults = UnexplainedFaults(run)
    for image in (1, 2):
        faults.failed(subject(image), FAILURE)
    run.holds.probe_now(100.0)
    assert run.holds.may_try
    for image in (1, 2, 3, 4):
        faults.failed(subject(image), FAILURE)
    assert requeued(run) == [(1, 2), (3, 4)]
    assert not run.holds.may_try
