"""Transfers that fail while the store takes others are counted, and only these."""

from __future__ import annotations

from engine.supervisor.storing import Setbacks


def test_setbacks_count_only_while_the_store_takes_others() -> None:
    setbacks = Setbacks()
    for successes in (0, 0, 0, 1, 1, 5, 5):
        setbacks = setbacks.one_more(successes)
    assert setbacks.count == 3
