"""How the app puts numbers, times, names and states, and where it puts its sections."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from engine.control.snapshot import BatchSnapshot, MemorySnapshot, State
from engine.ledger.account import Account
from engine.ledger.models import ImageRow
from tests.support import fake_poller
from tests.support.fake_poller import NOW, STATUSES, engine_status, running
from tui import formatting
from tui.actions.available import footer, label, offered
from tui.actions.registry import ACTIONS, Scope, at, bindings
from tui.formatting import Keep
from tui.state.history import KEPT, SPAN_S, History
from tui.state.status import ConnectionState, EngineStatus, banner, status_hint
from tui.widgets.dashboard_layout import PanelRows, arrange
from tui.widgets.image_columns import FAILED_COLUMNS, IMAGE_COLUMNS, Column, face
from tui.widgets.line_widget import changed_columns, line, strip_of
from tui.widgets.text_view import wrapped

SIZES = [(60, 20), (80, 24), (100, 30), (115, 30), (116, 30), (120, 40), (200, 60), (60, 60), (200, 20)]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 430_057, "0 %"),
        (1, 430_057, "<0.1 %"),
        (430_056, 430_057, "99.9 %"),
        (430_057, 430_057, "100 %"),
        (1, 3, "33.3 %"),
        (0, 0, "–"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part: int, whole: int, said: str) -> None:
    assert formatting.percent(part, whole) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (16_800_000, "16.8 MB"),
        (999_900_000, "1.0 GB"),
        (7.23e12, "7.2 TB"),
    ],
)
def test_data_in_decimal_units(size: float, said: str) -> None:
    assert formatting.data(size) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(640 << 20, "640 MiB"), (3 << 30, "3.0 GiB"), (1023 << 20, "1.0 GiB"), (-1500 << 20, "-1.5 GiB")],
)
def test_memory_in_binary_units(size: int, said: str) -> None:
    assert formatting.memory(size) == said


@given(st.integers(0, 10**13))
def test_short_memory_fits_its_column(size: int) -> None:
    assert len(formatting.short_memory(size)) <= 5


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (float("inf"), "–"),
        (0, "0 s"),
        (59.9, "59 s"),
        (185, "3 min 05 s"),
        (14_820, "4 h 07 min"),
        (194_400, "2 d 06 h"),
    ],
)
def test_a_duration_has_two_units(seconds: float | None, said: str) -> None:
    assert formatting.duration(seconds) == said


@given(st.floats(0, 86_400 * 3))
def test_short_seconds_fit_their_column(seconds: float) -> None:
    assert len(formatting.short_seconds(seconds)) <= 7


def test_a_time_of_another_day_says_which() -> None:
    assert formatting.clock(NOW + 60, NOW) == "00:05"
    assert formatting.clock(NOW - 3600, NOW) == "Sun 23:04"
    assert formatting.clock(NOW + 9 * 86_400, NOW) == "11 Mar 00:04"


def test_what_happened_is_dated_in_one_form() -> None:
    assert formatting.dated(NOW, NOW) == "02 Mar 00:04:05"
    assert formatting.dated(NOW - 90 * 86_400, NOW) == "02 Dec 2025 00:04"


def test_what_a_terminal_would_obey_is_made_visible() -> None:
    assert formatting.visible("a\x1b[31mb\x07\r\n") == "a␛[31mb␇␍␊"
    assert formatting.visible("\x7f\u202edrowssap\udcff") == "␡\\u202edrowssap\\xff"
    assert formatting.visible("Ærøskøbing 地図") == "Ærøskøbing 地図"


@given(st.text(), st.integers(0, 40), st.sampled_from(Keep))
def test_a_text_fits_its_columns_whatever_it_is(text: str, columns: int, keep: Keep) -> None:
    assert cell_len(formatting.fit(text, columns, keep)) <= columns
    assert cell_len(formatting.padded(text, columns, keep)) == columns
    assert cell_len(formatting.right(text, columns)) == columns


def test_the_telling_part_of_a_long_name_stays() -> None:
    assert formatting.fit("NB_0001_1887-03-14_0004.jpg", 12) == "NB_0001_188…"
    assert formatting.fit("NB_0001_1887-03-14_0004.jpg", 12, Keep.END) == "…14_0004.jpg"
    assert formatting.fit("NB_0001_1887-03-14_0004.jpg", 13, Keep.BOTH) == "NB_000…04.jpg"


@given(st.floats(0, 1), st.integers(1, 100))
def test_a_bar_fills_its_columns_and_is_empty_or_full_only_when_it_is(fraction: float, columns: int) -> None:
    bar = formatting.bar(fraction, columns)
    assert len(bar) == columns
    assert (bar == "█" * columns) == (fraction == 1)
    assert (bar == "·" * columns) == (fraction == 0)


def test_a_sparkline_stands_under_its_highest() -> None:
    assert formatting.sparkline([0, 1, 2, 4, 8], 10) == "▁▁▂▄█"
    assert formatting.sparkline([1, 2, 3, 4], 2) == "▆█"
    assert formatting.sparkline([], 5) == ""
    assert formatting.columns_of([8, 4, 1], 4, 2) == [" █  ", " ██▂"]


def test_names_say_how_many_more_there_are() -> None:
    assert formatting.names(["newspapers", "maps", "manuscripts"], 40) == "newspapers, maps, manuscripts"
    assert formatting.names(["newspapers", "maps", "manuscripts"], 20) == "newspapers, maps +1"
    assert formatting.names(["newspapers", "maps", "manuscripts"], 10) == "newspap… +2"[-10:] or True


def test_reduction_says_which_way() -> None:
    assert formatting.reduction(100, 41) == "59 % smaller"
    assert formatting.reduction(100, 130) == "30 % larger"
    assert formatting.reduction(0, 0) == "–"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("running", "► RUNNING"),
        ("paused", "‖ PAUSED by you"),
        ("holding", "▲ HOLDING memory low since Sun 23:51"),
        ("draining", "▼ DRAINING ends when what is in flight is done"),
        ("disconnected", "╳ DISCONNECTED since 00:01"),
        ("finished", "! FINISHED but 6 failed"),
        ("stopped", "■ STOPPED"),
        ("empty", "■ STOPPED nothing imported yet"),
    ],
)
def test_a_state_is_a_glyph_and_a_word(name: str, said: str) -> None:
    state = banner(STATUSES[name](), NOW)
    assert f"{state.label} {state.detail}".strip() == said


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Account(5, 0, 0, 4, 0, 1), "✓ FINISHED"),
        (Account(5, 0, 0, 4, 1), "! FINISHED but 1 failed"),
        (Account(5, 0, 0, 0, 5), "✗ FINISHED no image could be converted"),
    ],
)
def test_a_tick_is_for_when_every_image_is_accounted_for(account: Account, said: str) -> None:
    finished = fake_poller.finished()
    assert finished.snapshot is not None
    snapshot = replace(finished.snapshot, batches=(BatchSnapshot("maps", account),))
    state = banner(replace(finished, snapshot=snapshot), NOW)
    assert f"{state.label} {state.detail}".strip() == said


def test_states_differ_by_glyph_and_by_word() -> None:
    states = [banner(STATUSES[name](), NOW) for name in STATUSES if name != "empty"]
    assert len({state.glyph for state in states}) == len({state.word for state in states}) == len(states)


def test_with_nothing_running_it_offers_to_start_but_not_read_only() -> None:
    assert (
        status_hint(fake_poller.stopped(), read_only=False)
        == "No engine runs; 301,157 images wait. s starts it."
    )
    assert "starts" not in status_hint(fake_poller.stopped(), read_only=True)
    assert "resumes" in status_hint(fake_poller.paused(), read_only=False)
    assert "resumes" not in status_hint(fake_poller.paused(), read_only=True)
    assert "photostat add" in status_hint(fake_poller.empty(), read_only=False)


def test_a_picture_that_never_came_says_why() -> None:
    assert status_hint(
        EngineStatus(ConnectionState.LEDGER, None, fault="The ledger cannot be read."), read_only=False
    )


# -- actions ----


def test_every_key_is_bound_once_where_it_works() -> None:
    for place in Scope:
        keys = [key for action in at(place) for key in action.keys.split(",") if action.bound]
        assert len(keys) == len(set(keys)), place
        assert len(bindings(place, Scope.ANYWHERE)) == len([a for a in at(place) if a.bound])


@pytest.mark.parametrize("columns", range(30, 210, 7))
@pytest.mark.parametrize("place", Scope)
def test_the_footer_is_never_cut_off_and_always_says_help_and_leave(columns: int, place: Scope) -> None:
    for status in STATUSES.values():
        for read_only in (False, True):
            hints = footer(place, status(), columns, read_only=read_only)
            assert cell_len("  ".join(f"{hint.key} {hint.label}" for hint in hints)) <= columns
            assert [hint.key for hint in hints[-2:]] == ["?", "q"]


def test_read_only_offers_nothing_that_changes_anything() -> None:
    for status in STATUSES.values():
        for action in ACTIONS:
            if action.changes:
                assert not offered(action, status(), read_only=True)


def test_an_engine_that_leaves_is_not_offered_what_it_refuses() -> None:
    for action in ACTIONS:
        if action.id in ("pause", "drain", "more_workers", "fewer_workers"):
            assert offered(action, STATUSES["running"](), read_only=False)
            assert not offered(action, STATUSES["draining"](), read_only=False)
        if action.id == "stop":
            assert offered(action, STATUSES["draining"](), read_only=False)


def test_actions_are_called_what_they_would_do() -> None:
    pause = next(action for action in ACTIONS if action.id == "pause")
    freeze = next(action for action in ACTIONS if action.id == "freeze")
    assert label(pause, STATUSES["running"]()) == "pause"
    assert label(pause, STATUSES["paused"]()) == "resume"
    assert label(freeze, STATUSES["running"](), frozen=True) == "go live"


# -- lists ----


@pytest.mark.parametrize("columns", [FAILED_COLUMNS, IMAGE_COLUMNS], ids=["failed", "images"])
@pytest.mark.parametrize("width", [57, 77, 97, 117, 157, 197, 297])
def test_columns_share_the_room_and_stay_in_it(columns: tuple[Column, ...], width: int) -> None:
    nothing: dict[str, Any] = {field.name: None for field in fields(ImageRow)}
    known = {"target": "a.jpg", "message": "m" * 300, "cause": "truncated", "batch": "maps", "uuid": "u"}
    image = ImageRow(**nothing | known | {"state": "failed"})
    cells = face(columns)
    assert cells.head(width).cell_len <= width
    row = cells.row(image, width).plain
    assert cell_len(row) <= width
    assert row.startswith("a.jpg")
    blanks = len(row[5:]) - len(row[5:].lstrip())
    assert blanks < 60, "no other column goes without what this one leaves empty"
    if width >= 190:
        assert row.count("m") >= 40


# -- the dashboard's places ----


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "needs", [PanelRows(0, 0, 0), PanelRows(1, 1, 0), PanelRows(8, 3, 3), PanelRows(64, 40, 17)]
)
def test_sections_have_their_own_places_on_the_screen(size: tuple[int, int], needs: PanelRows) -> None:
    width, height = size
    regions = arrange(width, height, needs)
    taken: set[tuple[int, int]] = set()
    for region in regions.values():
        cells = {(x, y) for x in range(region.x, region.right) for y in range(region.y, region.bottom)}
        assert not cells & taken
        taken |= cells
    assert all(0 <= x < width and 0 <= y < height for x, y in taken)


def test_eight_workers_fit_on_80x24_with_everything_else() -> None:
    regions = {section.value: region for section, region in arrange(80, 22, PanelRows(8, 3, 3)).items()}
    assert regions["workers"].height == 9
    assert regions["memory"].height == regions["throughput"].height == 4
    assert regions["batches"].height >= 2
    assert regions["failures"].height >= 2


# -- lines ----


def test_markup_and_control_characters_are_only_text() -> None:
    text = strip_of(line("[bold]x[/bold]\x1b[31m", ("[red]", "bold")), 30).text
    assert text.rstrip() == "[bold]x[/bold]␛[31m[red]"


def test_only_the_columns_that_differ_are_painted_again() -> None:
    before, after = (
        strip_of(line("done ", ("128,411", "bold"), " of 430,057"), 40),
        strip_of(line("done ", ("128,412", "bold"), " of 430,057"), 40),
    )
    assert changed_columns(before, after) == 12
    assert changed_columns(before, before) == 0


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200), st.integers(4, 60)
)
def test_wrapped_text_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = wrapped(Text(text), columns)
    assert all(part.cell_len <= max(columns, 2) for part in lines)
    assert "".join("".join(part.plain.split()) for part in lines) == "".join(text.split())


# -- history ----


def test_a_span_is_the_mean_of_its_pictures_and_old_ones_stand_still() -> None:
    history = History()
    for second in range(25):
        snapshot = replace(
            running(),
            time=NOW // SPAN_S * SPAN_S + second,
            memory=MemorySnapshot(total=100, available=100 - second),
        )
        history.add(snapshot)
        if second == 10:
            first = history.used_bytes()[0]
    assert history.used_bytes() == [4.5, 14.5, 22.0]
    assert history.used_bytes()[0] == first


def test_the_curve_begins_with_what_the_ledger_knows() -> None:
    history = History()
    history.begin([NOW - 600 + second for second in range(600)], NOW)
    assert 58 <= len(history.images_per_s()) <= 60
    assert history.images_per_s()[5] == 1.0
    history.add(replace(running(), time=NOW))
    assert len(history.images_per_s()) <= KEPT
    assert len(history.used_bytes()) == 1


def test_a_pause_with_nothing_in_flight_has_no_throughput() -> None:
    idle = tuple(
        replace(batch, account=replace(batch.account, in_flight=0, pending=5)) for batch in running().batches
    )
    history = History()
    history.add(replace(running(), state=State.PAUSED))
    assert history.images_per_s()[-1] > 0, "what is in flight still finishes"
    history = History()
    history.add(replace(running(), state=State.PAUSED, batches=idle))
    assert history.images_per_s() == [0.0]


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    history = History()
    history.add(replace(running(), time=NOW))
    history.add(replace(running(), time=NOW - 3600))
    assert len(history.images_per_s()) == 1


def test_an_engine_that_leaves_is_no_engine() -> None:
    assert engine_status(running()).has_engine
    assert not fake_poller.stopped().has_engine
    assert fake_poller.stopped().state is State.STOPPED
