"""Quantiles of the PSNR, and what is far below a batch."""

from __future__ import annotations

import math

import pytest

from engine.reports.account.psnr_distribution import PsnrDistribution


def test_quantiles_come_from_the_values() -> None:
    distribution = PsnrDistribution()
    for value in range(1, 101):
        distribution.add(30 + value / 10)
    distribution.add(math.inf)
    assert distribution.count == 101
    assert distribution.median == pytest.approx(35, abs=0.1)
    assert distribution.quantile(0.05) == pytest.approx(30.5, abs=0.1)
    assert (distribution.lowest, distribution.highest) == (30.1, 40.0)
    assert sum(number for _, number in distribution.histogram()) == 100


def test_nothing_is_flagged_in_a_batch_too_small_or_all_alike() -> None:
    few = PsnrDistribution()
    for value in (40.0, 40.0, 20.0):
        few.add(value)
    assert few.flag_below is None
    alike = PsnrDistribution()
    for _ in range(50):
        alike.add(40.0)
    assert alike.flag_below == pytest.approx(37.0, abs=0.1)
