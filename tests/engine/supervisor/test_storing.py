"""Transfers that fail while the store is well are counted, and only these."""

from __future__ import annotations

from engine.supervisor.storing import Setbacks


def test_setbacks_count_only_while_the_store_gives_signs_of_life() -> None:
    setbacks = Setbacks()
    for signs_of_life in (0, 0, 0, 1, 1, 5, 5):
        setbacks = setbacks.one_more(signs_of_life)
    assert setbacks.count == 3
