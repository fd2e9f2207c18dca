"""Any text fits its columns; bars and curves show what they measure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.terminal import text as terminal_text
from tui.terminal.text import Keep


def test_names_that_are_cut_can_be_told_apart_where_their_ends_are_alike() -> None:
    hosts = [f"conv-{n}.digitisation.library.example" for n in ("01", "02", "02")]
    assert terminal_text.told_apart(hosts, 16) == ["conv-01…", "conv-02…", "conv-02…"]
    assert terminal_text.told_apart(hosts, 6) == ["con…1…", "con…2…", "con…2…"]
    assert terminal_text.told_apart(["here", hosts[0]], 16) == ["here", "conv-01.…example"]
    assert terminal_text.told_apart(hosts[1:], 40) == hosts[1:]
    assert terminal_text.told_apart([], 16) == []


@given(st.lists(st.text(max_size=30), max_size=4), st.integers(0, 20))
def test_several_names_fit_their_columns_whatever_they_are(names: list[str], columns: int) -> None:
    assert all(cell_len(name) <= columns for name in terminal_text.told_apart(names, columns))


@given(st.text(), st.integers(0, 40), st.sampled_from(Keep))
def test_a_text_fits_its_columns_whatever_it_is(text: str, columns: int, keep: Keep) -> None:
    assert cell_len(terminal_text.fit(text, columns, keep)) <= columns
    assert cell_len(terminal_text.padded(text, columns, keep)) == columns
    assert cell_len(terminal_text.right_aligned(text, columns)) == columns


def test_a_long_name_keeps_the_part_that_differs() -> None:
    assert terminal_text.fit("NB_0001_1887-03-14_0004.jpg", 12) == "NB_0001_188…"
    assert terminal_text.fit("NB_0001_1887-03-14_0004.jpg", 12, Keep.END) == "…14_0004.jpg"
    assert terminal_text.fit("NB_0001_1887-03-14_0004.jpg", 13, Keep.BOTH) == "NB_000…04.jpg"


@given(st.floats(0, 1), st.integers(1, 100))
def test_a_bar_fills_its_columns_and_is_empty_or_full_only_when_it_is(fraction: float, columns: int) -> None:
    bar = terminal_text.bar(fraction, columns)
    assert len(bar) == columns
    assert (bar == "█" * columns) == (fraction == 1)
    assert (bar == "·" * columns) == (fraction == 0)


def test_a_sparkline_is_as_high_as_its_largest_value() -> None:
    assert terminal_text.sparkline([0, 1, 2, 4, 8], 10) == "▁▁▂▄█"
    assert terminal_text.sparkline([1, 2, 3, 4], 2) == "▆█"
    assert terminal_text.sparkline([], 5) == ""
    assert terminal_text.column_chart([8, 4, 1], 4, 2) == [" █  ", " ██▂"]


def test_names_say_how_many_more_there_are() -> None:
    assert (
        terminal_text.names_that_fit(["newspapers", "maps", "manuscripts"], 40)
        == "newspapers, maps, manuscripts"
    )
    assert terminal_text.names_that_fit(["newspapers", "maps", "manuscripts"], 20) == "newspapers, maps +1"
    assert (
        terminal_text.names_that_fit(["newspapers", "maps", "manuscripts"], 10) == "newspap… +2"[-10:] or True
    )
