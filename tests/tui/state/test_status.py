"""The engine's state as a glyph, a word, and a hint of what to do next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.snapshot import BatchSnapshot, Hold, HoldReason, State
from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from engine.ledger.account import Account
from tests.support import statuses
from tests.support.app_pilot import opened
from tests.support.statuses import NOW, STATUSES, engine_status, running
from tui.state.status import (
    ConnectionState,
    EngineStatus,
    Tone,
    banner,
    is_urgent,
    status_hint,
    what_needs_you,
)

pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("running", "► RUNNING"),
        ("paused", "‖ PAUSED by anna (pts/3, reading-room) since Sun 23:44"),
        ("holding", "▲ HOLDING memory low since Sun 23:51"),
        ("draining", "▼ DRAINING ends when what is in flight is done"),
        ("disconnected", "╳ DISCONNECTED since 00:01"),
        ("finished", "! FINISHED Sun 23:54, after 1 d 11 h, but 6 failed"),
        ("stopped", "■ STOPPED"),
        ("empty", "■ STOPPED nothing imported yet"),
    ],
)
def test_a_state_is_a_glyph_and_a_word(name: str, text: str) -> None:
    state = banner(STATUSES[name](), NOW)
    assert f"{state.label} {state.detail}".strip() == text


def test_outside_its_hours_it_says_when_it_continues_and_alarms_nobody() -> None:
    hold = Hold(HoldReason.HOURS, "outside its hours (18:00-08:00), continues at 18:00", NOW - 60, NOW + 7200)
    status = engine_status(structs.replace(running(), state=State.HOLDING, hold=hold))
    state = banner(status, NOW)
    assert f"{state.label} {state.detail}" == "▲ HOLDING outside its hours, continues at 02:04"
    assert state.tone is Tone.NEUTRAL
    assert not is_urgent(status)
    assert is_urgent(STATUSES["holding"]())
    all_the_same = banner(engine_status(structs.replace(running(), outside_hours_until=NOW + 7200)), NOW)
    assert f"{all_the_same.label} {all_the_same.detail}" == "► RUNNING outside its hours, until 02:04"
    assert status_hint(status, read_only=False) == f"{hold.detail}. s continues now."
    assert status_hint(status, read_only=True) == hold.detail


@pytest.mark.parametrize(
    ("account", "text"),
    [
        (Account(5, 0, 0, 4, 0, 1), "✓ FINISHED"),
        (Account(5, 0, 0, 4, 1), "! FINISHED but 1 failed"),
        (Account(5, 0, 0, 0, 5), "✗ FINISHED no image could be converted"),
    ],
)
def test_a_tick_only_if_every_image_is_accounted_for(account: Account, text: str) -> None:
    finished = statuses.finished()
    assert finished.snapshot is not None
    snapshot = structs.replace(finished.snapshot, batches=(BatchSnapshot.of("maps", account),))
    state = banner(replace(finished, snapshot=snapshot, run=None), NOW)
    assert f"{state.label} {state.detail}".strip() == text


def test_states_differ_by_glyph_and_by_word() -> None:
    states = [banner(STATUSES[name](), NOW) for name in STATUSES if name != "empty"]
    assert len({state.glyph for state in states}) == len({state.word for state in states}) == len(states)


def test_with_nothing_running_it_offers_to_start_but_not_read_only() -> None:
    assert (
        status_hint(statuses.stopped(), read_only=False)
        == "No engine is running; 301,157 images waiting. s starts it."
    )
    assert "starts" not in status_hint(statuses.stopped(), read_only=True)
    assert "resumes" in status_hint(statuses.paused(), read_only=False)
    assert "resumes" not in status_hint(statuses.paused(), read_only=True)
    assert "photostat add" in status_hint(statuses.empty(), read_only=False)


def test_a_missing_snapshot_comes_with_its_reason() -> None:
    assert status_hint(
        EngineStatus(ConnectionState.LEDGER, None, problem="The ledger cannot be read."), read_only=False
    )


def test_the_state_comes_from_the_snapshot() -> None:
    assert engine_status(running()).state is State.RUNNING
    assert statuses.stopped().state is State.STOPPED
    assert EngineStatus().state is None


def test_a_run_says_what_needs_a_person() -> None:
    snapshot = statuses.running()
    assert (
        what_needs_you(snapshot) == "477 images have failed and need you: f shows them, and what can be done."
    )
    assert len(what_needs_you(snapshot)) <= 80, "one row of a small terminal"
    well = structs.replace(snapshot, batches=(BatchSnapshot.of("maps", Account(9, 5, 1, 3)),))
    assert what_needs_you(well) == "All is well: nothing needs you."
    short = VolumeSnapshot(
        VolumeName.STORE, "/out", 1_000_000_000, 9_000_000_000, 5_000_000_000, enough=False
    )
    full = structs.replace(well, volumes=(short,))
    assert (
        what_needs_you(full)
        == "Make room (store: 1.00 GB free, about 5.00 GB to come), or the run will hold."
    )
    failed = structs.replace(snapshot, volumes=(short,))
    assert what_needs_you(failed) == f"{what_needs_you(full)} {what_needs_you(snapshot)}"


async def test_the_dashboard_says_it_and_other_pages_do_not(root: Path) -> None:
    async with opened(root) as session:
        assert "need you" in session.message
        await session.press("f")
        assert "need you" not in session.message


def test_a_limited_store_that_sets_the_pace_is_told() -> None:
    store = structs.replace(running().store, bandwidth_limit=20_000_000, waiting_bytes=19 << 30)
    slow = structs.replace(store, scratch_limit=20 << 30)
    hint = status_hint(engine_status(structs.replace(running(), store=slow)), read_only=False)
    assert hint == "Conversion waits for the store: 20.4 GB on scratch, and no more than 20.0 MB/s is sent."
    free = structs.replace(slow, waiting_bytes=1 << 30)
    assert status_hint(engine_status(structs.replace(running(), store=free)), read_only=False) == ""
