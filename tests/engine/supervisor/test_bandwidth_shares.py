"""All hosts together send no more than the limit, whoever comes, goes, and has something to send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.supervisor.bandwidth_shares import BandwidthShares

LIMIT = 1_000_000
HOSTS = ("", "b", "c", "d")


def test_one_that_sends_alone_has_all_and_the_others_get_their_parts_at_once() -> None:
    shares = BandwidthShares(LIMIT)
    assert shares.share(HOSTS, ["b"], 0.0) == LIMIT
    assert shares.share(HOSTS, ["", "b", "c", "d"], 0.1) == LIMIT // 4
    assert shares.share(HOSTS, ["b"], 1.0) == LIMIT // 4, "the others are between two images"
    assert shares.share(HOSTS, ["b"], 3.0) == LIMIT


def test_a_lost_host_may_not_know_it_yet_and_keeps_its_part_for_a_while() -> None:
    shares = BandwidthShares(LIMIT)
    shares.share(["", "b"], ["", "b"], 0.0)
    assert shares.share([""], [""], 10.0) == LIMIT, "it had had nothing to send"
    shares.share(["", "b"], ["", "b"], 20.0)
    assert shares.share([""], [""], 21.0) == LIMIT // 2
    assert shares.share([""], [""], 40.0) == LIMIT // 2
    assert shares.share([""], [""], 42.0) == LIMIT


@given(st.lists(st.tuples(st.sets(st.sampled_from(HOSTS)), st.floats(0, 5))))
def test_the_parts_are_never_more_than_the_whole(steps: list[tuple[set[str], float]]) -> None:
    shares, now = BandwidthShares(LIMIT), 0.0
    for sending, passed_s in steps:
        now += passed_s
        share = shares.share(HOSTS, sending, now)
        assert share * len(sending) <= LIMIT
