"""What another machine has to show before its first image, and what holds it alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.control.snapshot import HoldReason
from engine.failures import Cause, Failure, Stage
from engine.messages import Concerns, FaultKind, ProbeStore, Problem, StoreProbed
from engine.supervisor.crew import Crew
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.likeness import Likeness
from tests.engine.supervisor.test_crews import SimulatedRun
from tests.support.fake_hosts import FakeChild, FakeHost

AWAY = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "s3://bucket: no answer")


class Joined:
    """A host that has just come, in a run whose own machine works."""

    def __init__(self, root: Path) -> None:
        self.simulated = SimulatedRun(root)
        self.likeness = Likeness()
        context = self.simulated.context("b")
        context.holds = HostHolds(1 << 30, likeness=self.likeness)
        self.crew: Crew = self.simulated.crews.join(context, 2)
        self.host: FakeHost = self.simulated.host(self.crew)

    def turns(self) -> None:
        for _ in range(3):
            self.simulated.turn()

    @property
    def probes(self) -> list[FakeChild]:
        """Uploaders that have been asked to try the store, and have not answered."""
        return [
            child
            for child in self.host.children
            if any(isinstance(message, ProbeStore) for message in child.sent)
        ]

    def answer(self, probed: StoreProbed) -> None:
        (uploader,) = self.probes
        uploader.sent.clear()
        uploader.says.append(probed)
        self.turns()


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    joined = Joined(tmp_path)
    joined.turns()
    return joined


def test_a_host_gets_no_image_before_it_sees_the_same_and_has_tried_the_store(joined: Joined) -> None:
    assert (joined.host.jobs, joined.probes) == ([], []), "its directory of that name may be another one"
    joined.likeness.compared(None, time.monotonic())
    joined.turns()
    assert joined.host.jobs == []
    joined.answer(StoreProbed())
    assert joined.host.jobs and joined.crew.holds.hold(time.monotonic()) is None


def test_a_host_whose_store_alone_was_compared_stores_what_it_has_and_gets_no_image(joined: Joined) -> None:
    likeness = joined.likeness
    assert likeness.wants_comparison_of_store() and not joined.crew.can_store
    likeness.store_compared()
    joined.turns()
    joined.answer(StoreProbed())
    assert joined.crew.can_store and joined.host.jobs == []
    assert likeness.wants_comparison() and not likeness.wants_comparison_of_store(), "before its first image"
    likeness.compared(Problem(Concerns.SOURCES, "is empty"), time.monotonic())
    joined.turns()
    assert joined.crew.can_store and joined.host.jobs == []


@pytest.mark.parametrize("fault", [FaultKind.TRANSIENT, FaultKind.CONFIGURATION])
def test_a_store_that_one_host_cannot_use_holds_that_host_only_until_it_can(
    joined: Joined, fault: FaultKind
) -> None:
    joined.likeness.compared(None, time.monotonic())
    joined.turns()
    joined.answer(StoreProbed(fault, AWAY))
    now = time.monotonic()
    hold = joined.crew.holds.hold(now)
    assert joined.host.jobs == [] and hold is not None and hold.reason is HoldReason.STORE
    assert (
        joined.simulated.crews.hold(now) is None and joined.simulated.host(joined.simulated.crews.here).jobs
    )
    joined.crew.probe_now(after_pause=False)
    joined.turns()
    (uploader,) = joined.probes
    assert [message.overrule for message in uploader.sent] == [False], "nobody has seen the store there"
    joined.answer(StoreProbed())
    assert joined.host.jobs and joined.crew.holds.hold(time.monotonic()) is None


def test_what_is_not_alike_is_told_once_and_looked_at_again(joined: Joined) -> None:
    likeness, now = joined.likeness, time.monotonic()
    wrong, other = Problem(Concerns.SOURCES, "is empty"), Problem(Concerns.STORE, "is another directory")
    assert likeness.wants_comparison() and likeness.hold(now) is None
    assert likeness.compared(wrong, now) and not likeness.wants_comparison()
    hold = joined.crew.holds.hold(now)
    assert hold is not None and (hold.reason, hold.detail) == (HoldReason.SOURCE, "is empty")
    assert hold.until is not None
    likeness.tick(now + 60.0)
    assert likeness.wants_comparison() and not likeness.compared(wrong, now)
    likeness.probe_now(now)
    likeness.tick(now)
    assert likeness.wants_comparison(), "a person says that it is mended"
    assert likeness.compared(other, now)
    hold = likeness.hold(now)
    assert hold is not None and hold.reason is HoldReason.STORE
    assert likeness.compared(None, now) and likeness.hold(now) is None and not likeness.wants_comparison()


def test_another_path_of_the_same_share_is_no_news(joined: Joined) -> None:
    """Each comparison shows other sources: what is told once would be told every minute of a night."""
    likeness, now = joined.likeness, time.monotonic()
    first, second = (Problem(Concerns.SOURCES, f"{path} is not here. Mount it", "Mount it") for path in "ab")
    assert likeness.compared(first, now)
    likeness.tick(now + 60.0)
    assert not likeness.compared(second, now)
    hold = likeness.hold(now)
    assert hold is not None and hold.detail == second.why, "what is true now"
    assert likeness.compared(Problem(Concerns.SOURCES, "b cannot be read. Let it", "Let it"), now)
    assert likeness.compared(None, now) and likeness.compared(first, now), "it was there in between"


def test_a_host_that_can_convert_nothing_holds_until_it_can(joined: Joined) -> None:
    now = time.monotonic()
    assert joined.likeness.can_convert("no pyvips there", now)
    assert not joined.likeness.can_convert("no pyvips there", now)
    hold = joined.crew.holds.hold(now)
    assert hold is not None and (hold.reason, hold.detail) == (HoldReason.UNEXPECTED, "no pyvips there")
    assert not joined.crew.holds.may_start and joined.simulated.crews.hold(now) is None
    assert joined.likeness.can_convert(None, now) and joined.crew.holds.hold(now) is None


def test_a_host_on_which_no_worker_starts_holds_alone_and_goes_on_when_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = Joined(tmp_path)
    hire, throttle = joined.host.hire, joined.crew.converting._throttle

    def ends(name: str) -> FakeChild:
        child = hire(name)
        child.says, child.exit_code = [], 3
        return child

    def turns() -> None:
        for _ in range(8):
            throttle.not_before = 0.0
            joined.simulated.turn()

    monkeypatch.setattr(joined.host, "hire", ends)
    turns()
    now = time.monotonic()
    hold = joined.crew.holds.hold(now)
    assert hold is not None and hold.reason is HoldReason.UNEXPECTED
    assert hold.detail.startswith("5 workers in a row ended with exit code 3 before they were ready: ")
    assert joined.crew.converting.fatal_problem is None and joined.simulated.crews.hold(now) is None
    monkeypatch.undo()
    turns()
    assert joined.crew.holds.hold(time.monotonic()) is None and joined.crew.converting.pool.free
