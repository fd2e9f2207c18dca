"""The measurement of many machines, made small: it runs, and what it counts adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import hosts as bench

pytestmark = pytest.mark.soak  # of a measurement, whose processes take seconds of two cores

pytest.importorskip("distributed")


def test_simulated_hosts_convert_through_the_real_engine_and_are_measured(tmp_path: Path) -> None:
    found = bench.measure(bench.Load(hosts=2, slots=3, image_s=0.4, measured_s=2.0), tmp_path)
    assert 1.0 < found.images_per_s <= 1.5 * 2 * 3 / 0.4
    assert min(found.supervisor_ms, found.scheduler_ms, found.hosts_ms) > 0.0
    assert 0.1 < found.busy <= 1.0
    assert 0.0 < found.machine <= 1.01


def test_the_ledger_costs_an_image_less_than_a_conversion_could_notice(tmp_path: Path) -> None:
    assert 0.0 < bench.ledger_ms(tmp_path, at_once=8, images=200) < 20.0
