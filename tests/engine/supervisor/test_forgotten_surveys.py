"""What the surveyor says about a source that an image does not have any more does not count."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from engine.failures import Cause, Failure, Stage
from engine.messages import MissingSource, NotSurveyed, SourceDiagnosis, SurveyProgress, SurveyRequest
from engine.supervisor.holds import Holds
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.surveying import SourceOutcome, Surveying
from tests.support.ledgers import surveyed

GONE = Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file")
BAD = Failure(Cause.TRUNCATED, Stage.VALIDATING, "it ends early")
REQUESTS = [SurveyRequest(number, f"/mnt/{number}.jp2") for number in (1, 2, 3)]


class Surveyor:
    """A child that says what the test wants."""

    def __init__(self) -> None:
        self.pid, self.exit_code = 1, None
        self.says: list[object] = []
        self.asked: list[Any] = []

    def send(self, message: object) -> None:
        self.asked.append(message)

    def messages(self) -> list[object]:
        said, self.says = self.says, []
        return said


@pytest.fixture
def surveyor() -> Surveyor:
    return Surveyor()


@pytest.fixture
def run(surveyor: Surveyor) -> Mock:
    run = Mock(holds=Holds())
    run.children.start.return_value = surveyor
    run.ledger.queue.to_survey.return_value = REQUESTS
    run.ledger.neighbours_of.return_value = ()
    return run


@pytest.fixture
def here(run: Mock) -> Mock:
    here = Mock(run=run, holds=HostHolds(1 << 30))
    here.hung_images.__len__ = Mock(return_value=0)
    here.hung_images.hangs_after_s = 900.0
    return here


def say(surveying: Surveying, surveyor: Surveyor, *found: object) -> None:
    surveyor.says = [SurveyProgress(found, None)]  # type: ignore[arg-type]
    surveying.receive(may_begin=True)


def failed(run: Mock) -> list[Cause]:
    return [call.args[1].cause for call in run.fail.call_args_list]


def test_an_answer_about_the_former_source_is_left_out_and_the_next_one_counts(
    run: Mock, here: Mock, surveyor: Surveyor
) -> None:
    surveying = Surveying(here)
    surveying.work(0.0, look_ahead=True)
    surveying.forget(frozenset({1, 2, 77}))
    say(surveying, surveyor, surveyed(1), NotSurveyed(2, BAD), NotSurveyed(3, BAD))
    assert run.ledger.surveyed.call_args.args == ([],)
    assert len(failed(run)) == surveying.failures == 1, "image 3 has kept its source"
    surveying.work(0.0, look_ahead=True)
    say(surveying, surveyor, surveyed(1), surveyed(2))
    assert run.ledger.surveyed.call_args.args == ([surveyed(1), surveyed(2)],)


def test_nobody_looks_for_a_missing_source_that_is_not_the_image_s_any_more(
    run: Mock, here: Mock, surveyor: Surveyor
) -> None:
    surveying = Surveying(here)
    outcomes: list[SourceOutcome] = []
    surveying.work(0.0, look_ahead=True)
    say(surveying, surveyor, NotSurveyed(1, GONE), NotSurveyed(2, GONE), surveyed(3))
    surveying.diagnose(REQUESTS[2], outcomes.append)
    surveying.work(0.0, look_ahead=False)
    surveying.forget(frozenset({1, 3}))
    for number in (1, 2, 3):
        surveyor.says = [SourceDiagnosis(NotSurveyed(number, GONE), None)]
        surveying.receive(may_begin=True)
        surveying.work(0.0, look_ahead=False)
    assert failed(run) == [Cause.SOURCE_MISSING], "image 2 alone"
    assert len(outcomes) == 1, "a worker has image 3, and waits for the outcome"
    asked = [message.request.image_id for message in surveyor.asked if isinstance(message, MissingSource)]
    assert asked == [1, 2, 3]


def test_what_a_surveyor_that_hung_never_answered_is_asked_again_and_counts(
    run: Mock, here: Mock, surveyor: Surveyor
) -> None:
    surveying = Surveying(here)
    surveying.work(0.0, look_ahead=True)
    surveying.forget(frozenset({2}))
    surveying.work(1e9, look_ahead=False)
    run.children.dismiss.assert_called_once()
    surveying.work(1e9, look_ahead=True)
    say(surveying, surveyor, surveyed(2))
    assert run.ledger.surveyed.call_args.args == ([surveyed(2)],)
