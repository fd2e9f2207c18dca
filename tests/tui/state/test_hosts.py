"""What the app says of the machines of a run."""

from __future__ import annotations

import pytest
from msgspec import structs

from engine.control.snapshot import Hold, HoldReason, HostState, State
from tests.support.cluster_statuses import host, lost, many_hosts, on_hosts, three_hosts
from tests.support.statuses import NOW, running
from tui.commands.shared.hosts import print_hosts
from tui.state.host_words import host_word
from tui.state.hosts import (
    hosts_of,
    hosts_that_need_you,
    images_of_away,
    rate_now,
    several_hosts,
    why_away,
)
from tui.state.status import what_needs_you
from tui.widgets.host_lines import HostColumns, host_line
from tui.widgets.memory import host_bars

HELD = Hold(HoldReason.STORE, "the store does not answer: it is asked again.", NOW, None)


@pytest.mark.parametrize("state", HostState)
def test_every_state_has_a_glyph_and_a_word(state: HostState) -> None:
    assert host_word(host("a", state=state), State.RUNNING, NOW).glyph != "?"


def test_a_host_does_what_the_engine_has_been_told_to_do_and_says_why_it_holds() -> None:
    one = host("conv2")
    assert host_word(one, State.RUNNING, NOW).word == "working"
    assert host_word(one, State.PAUSED, NOW).word == "paused"
    assert host_word(one, State.DRAINING, NOW).word == "draining"
    held = host("conv2", state=HostState.HOLDING, hold=HELD)
    assert host_word(held, State.RUNNING, NOW).word == "holding: store"


def test_the_engine_s_own_machine_is_no_crowd() -> None:
    assert hosts_of(running()) == several_hosts(running()) == ()
    alone = on_hosts(host("here"))
    assert hosts_of(alone) and several_hosts(alone) == ()
    assert several_hosts(on_hosts(host("conv2"))), "the engine's own machine may convert nothing"


def test_a_host_that_rests_has_no_pace() -> None:
    assert rate_now(host("a"), State.RUNNING) > 0
    assert rate_now(host("a"), State.PAUSED) > 0, "what is in flight is finished"
    resting = structs.replace(host("a"), busy=0)
    assert (
        rate_now(resting, State.PAUSED) == rate_now(structs.replace(resting, hold=HELD), State.RUNNING) == 0
    )


def test_what_keeps_a_host_from_working_is_told_and_that_the_others_go_on() -> None:
    assert hosts_that_need_you(many_hosts(5)) == ""
    told = what_needs_you(three_hosts())
    assert told.startswith(
        "conv2 holds: /mnt/holdings is not mounted there: mount it, and it continues by itself."
    )
    assert "reading-room-4 was lost at " in told and "no sign of life for 30 s." in told
    assert "The others go on" in told and "477 images have failed" in told
    names = ("a", "b", "c", "d", "e")
    held = on_hosts(host("here"), *(host(n, state=HostState.HOLDING, hold=HELD) for n in names))
    assert hosts_that_need_you(held).startswith("a, b and 3 more hosts hold.")


def test_one_that_has_left_needs_nobody_and_says_so() -> None:
    left = lost("conv3", put_back=0, waiting=0, state=HostState.LEFT)
    assert hosts_that_need_you(on_hosts(host("here"), left)) == ""
    assert why_away(left, NOW).startswith("has left at ") and rate_now(left, State.RUNNING) == 0
    assert images_of_away(left) == ["It had no image that was not stored."]
    two = hosts_that_need_you(on_hosts(host("here"), lost("a"), lost("b")))
    assert two.startswith("a and b are lost.")


def test_the_table_of_hosts_says_when_one_was_lost(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = three_hosts().hosts or ()
    print_hosts((structs.replace(hosts[0], busy=0),), State.PAUSED, NOW)
    assert capsys.readouterr().out.splitlines()[1].split()[:5] == ["here", "working", "0", "4", "0"]
    print_hosts(hosts, State.RUNNING, NOW)
    row, told = (text for text in capsys.readouterr().out.splitlines() if text.startswith("reading-room-4"))
    assert row.split() == ["reading-room-4", "lost", "–", "–", "–", "–", "2", "4"]
    assert "was lost at " in told and "4 images that it had not stored" in told and "if it is back by" in told


@pytest.mark.parametrize("columns", range(30, 200, 7))
def test_a_line_of_a_host_fits_every_width(columns: int) -> None:
    hosts = (
        host("here"),
        host("a-machine-with-a-long-name.example", 12, waiting=12_345),
        host("図書館"),
        lost("conv2"),
    )
    shared = HostColumns.of(hosts, State.RUNNING, NOW)
    drawn = [host_line(one, columns, shared, State.RUNNING, NOW, folded=True) for one in hosts]
    assert {row.cell_len for row in drawn} == {max(columns, 2 + 16 + 2 + len("╳ lost 23:14"))}
    assert ("12,345 JPEGs" in drawn[1].plain) is (columns >= 80)


def test_hosts_with_long_names_can_be_told_apart() -> None:
    hosts = [host(f"conv-{n}.digitisation.library.example") for n in (1, 2)]
    shared = HostColumns.of(hosts, State.RUNNING, NOW)
    lines = [host_line(one, 80, shared, State.RUNNING, NOW, folded=False).plain for one in hosts]
    assert [text.split()[1] for text in lines] == ["conv-1…", "conv-2…"]
    bars = [text.plain for text in host_bars(hosts, "", 40, 4)]
    assert [text.split()[0] for text in bars[1:3]] == ["conv-1…", "conv-2…"]
