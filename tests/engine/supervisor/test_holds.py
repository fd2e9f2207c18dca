"""What people read while the engine holds for its store: what is wrong, and what to do, however often it is probed."""

from __future__ import annotations

from engine.control.snapshot import HoldReason
from engine.failures import Cause, Failure, Stage
from engine.messages import FaultKind, MissingSource, ShareAway, SurveyRequest
from engine.store.errors import CHECKSUM_HINT
from engine.supervisor.holds import Holds
from engine.supervisor.host_holds import HostHolds, hold_of_all

REFUSED = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "MissingContentLength (411)", CHECKSUM_HINT)
DOWN = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, "connection refused", "Is endpoint right?")


def detail(holds: HostHolds, now: float) -> str:
    hold = holds.hold(now)
    assert hold is not None
    assert hold.reason == HoldReason.STORE
    return hold.detail


def test_the_remedy_of_a_configuration_s_fault_stays_through_every_probe() -> None:
    holds, now = HostHolds(1 << 30), 100.0
    assert holds.store_failed(FaultKind.CONFIGURATION, REFUSED, now)
    text = detail(holds, now)
    assert 'checksum = "when_required"' in text
    for _ in range(3):
        now += 1000
        holds.tick(now)
        assert holds.store_wants_probe()
        assert not holds.store_probed(FaultKind.CONFIGURATION, REFUSED, now)
        assert detail(holds, now) == text == holds.store_detail
    assert not holds.may_start


def test_a_store_that_never_answered_holds_at_once_and_points_at_the_endpoint() -> None:
    holds, now = HostHolds(1 << 30), 100.0
    assert holds.store_failed(FaultKind.TRANSIENT, DOWN, now, never_answered=True)
    assert detail(holds, now) == "connection refused. Is endpoint right?"
    holds.tick(now + 10)
    assert not holds.store_probed(FaultKind.TRANSIENT, DOWN, now + 10, never_answered=True)
    assert "endpoint" in detail(holds, now + 10)
    assert holds.may_start  # a store that is only down costs no conversion


def test_a_store_that_has_answered_does_not_hold_for_one_transfer() -> None:
    holds = HostHolds(1 << 30)
    holds.store_worked()
    assert not holds.store_failed(
        FaultKind.TRANSIENT, DOWN, 100.0, never_answered=True
    )  # as a new uploader would report
    assert holds.hold(100.0) is None


def test_a_person_s_word_that_a_share_is_gone_holds_until_it_is_read_again() -> None:
    holds, now = HostHolds(1 << 30), 100.0
    away = ShareAway("/mnt/share", "/mnt/share is empty: is the share mounted?")
    missing = MissingSource(SurveyRequest(1, "/mnt/share/r1/1.jp2", "r1"), ())
    assert holds.source_away(away, missing, now)
    holds.probe_now(now)
    assert not holds.may_survey  # not before a probe has shown what the word means
    holds.tick(now)
    assert holds.source_probed(away.detail, now)
    part = ShareAway("/mnt/share/r2", "/mnt/share/r2 is not there")
    assert not holds.source_away(away, missing, now + 1)
    assert not holds.source_away(part, missing, now + 1)
    holds.source_read("/mnt/other/1.jp2", now + 2)
    holds.source_read("/mnt/share/r1/1.jp2", now - 1)  # begun before the word was given
    assert not holds.source_away(away, missing, now + 2)
    holds.source_read("/mnt/share/r1/1.jp2", now + 3)
    assert holds.source_away(away, missing, now + 4)


def test_a_person_s_word_when_the_share_is_back_is_no_word_about_the_next_time() -> None:
    holds, now = HostHolds(1 << 30), 100.0
    away = ShareAway("/mnt/share", "/mnt/share is empty: is the share mounted?")
    missing = MissingSource(SurveyRequest(1, "/mnt/share/r1/1.jp2", "r1"), ())
    assert holds.source_away(away, missing, now)
    holds.probe_now(now)
    holds.tick(now)
    assert holds.source_probed(None, now)
    assert holds.source_away(away, missing, now + 1)


def test_a_host_s_hold_is_the_engine_s_only_if_every_host_holds() -> None:
    run, now, hosts = Holds(), 100.0, [HostHolds(1 << 30), HostHolds(1 << 30)]
    assert hosts[1].disk_full("no space left", 1, now)
    assert hold_of_all(run, hosts, now) is None and hold_of_all(run, hosts[:1], now) is None
    assert hosts[0].store_failed(FaultKind.CONFIGURATION, REFUSED, now)
    held = hold_of_all(run, hosts, now)
    assert held is not None and held.reason is HoldReason.STORE
    assert run.unexpected("three in a row", now)
    held = hold_of_all(run, hosts, now)
    assert held is not None and held.reason is HoldReason.UNEXPECTED
    held = hold_of_all(run, hosts[1:], now)
    assert held is not None and held.detail == "no space left"
    assert run.log.failed(HoldReason.DISK, "no log", now)
    held = hold_of_all(run, hosts[:0], now)
    assert held is not None and held.detail == "no log"


def test_a_full_scratch_is_a_hold_unless_somebody_wanted_the_store_to_be_slow() -> None:
    for limit in (None, 20_000_000):
        holds = HostHolds(1 << 30, limit)
        assert holds.may_start
        holds.scratch_used(1 << 30, 100.0)
        assert not holds.may_start
        assert (holds.hold(100.0) is None) is (limit is not None)
        holds.scratch_used(1 << 29, 101.0)
        assert holds.may_start
