"""What the app says of the machines of a run."""

from __future__ import annotations

import pytest
from msgspec import structs

from engine.control.snapshot import Hold, HoldReason, HostState, State
from tests.support.cluster_statuses import host, many_hosts, on_hosts, three_hosts
from tests.support.statuses import NOW, running
from tui.state.host_words import host_word
from tui.state.hosts import hosts_of, hosts_that_need_you, rate_now, several_hosts
from tui.state.status import what_needs_you
from tui.widgets.host_lines import HostColumns, host_line

HELD = Hold(HoldReason.STORE, "the store does not answer: it is asked again.", NOW, None)


@pytest.mark.parametrize("state", HostState)
def test_every_state_has_a_glyph_and_a_word(state: HostState) -> None:
    assert host_word(host("a", state=state), State.RUNNING).glyph != "?"


def test_a_host_does_what_the_engine_has_been_told_to_do_and_says_why_it_holds() -> None:
    one = host("conv2")
    assert host_word(one, State.RUNNING).word == "working"
    assert host_word(one, State.PAUSED).word == "paused"
    assert host_word(one, State.DRAINING).word == "draining"
    held = host("conv2", state=HostState.HOLDING, hold=HELD)
    assert host_word(held, State.RUNNING).word == "holding: store"


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
    assert "The others go on" in told and "477 images have failed" in told
    names = ("a", "b", "c", "d", "e")
    held = on_hosts(host("here"), *(host(n, state=HostState.HOLDING, hold=HELD) for n in names))
    assert hosts_that_need_you(held).startswith("a, b and 3 more hosts hold.")


@pytest.mark.parametrize("columns", range(30, 200, 7))
def test_a_line_of_a_host_fits_every_width(columns: int) -> None:
    hosts = (host("here"), host("a-machine-with-a-long-name.example", 12, waiting=12_345), host("図書館"))
    shared = HostColumns.of(hosts, State.RUNNING)
    drawn = [host_line(one, columns, shared, State.RUNNING, folded=True) for one in hosts]
    assert {row.cell_len for row in drawn} == {max(columns, 2 + 16 + 2 + len("► working"))}
    assert ("12,345 JPEGs" in drawn[1].plain) is (columns >= 80)
