"""The drawings of the report: every part can be seen, and batches share their axis."""

from __future__ import annotations

import math

import pytest

from engine.ledger.account import Account
from engine.reports.account.charts import account_bar, common_scale, psnr_histogram
from engine.reports.account.figures import BatchFigures


def batch_of(*psnr_db: float, name: str = "maps") -> BatchFigures:
    figures = BatchFigures(name, Account(len(psnr_db), done=len(psnr_db)), 92)
    for value in psnr_db:
        figures.psnr.add(value)
    return figures


def test_one_failure_in_a_large_collection_can_be_seen() -> None:
    bar = account_bar(Account(430_057, done=430_056, failed=1))
    assert [part.kind for part in bar.parts] == ["done", "failed"]
    assert bar.parts[-1].width >= 1
    assert bar.parts[-1].x + bar.parts[-1].width <= bar.width
    assert bar.label == "430,056 done, 1 failed"


def test_parts_lie_side_by_side_over_the_whole_width() -> None:
    bar = account_bar(Account(10, pending=2, in_flight=1, done=4, failed=2, accepted=1))
    ends = [part.x + part.width for part in bar.parts]
    assert all(end <= part.x for end, part in zip(ends, bar.parts[1:], strict=False))
    assert ends[-1] == pytest.approx(bar.width, abs=1.1)
    assert sum(part.width for part in bar.parts) == pytest.approx(bar.width, abs=len(bar.parts))


def test_an_empty_account_has_no_parts() -> None:
    bar = account_bar(Account())
    assert (bar.parts, bar.label) == ((), "no rows")


def test_batches_share_their_axis() -> None:
    scale = common_scale([batch_of(30.1, 31.0), batch_of(44.9)])
    assert scale.first_db <= 30.1
    assert scale.last_db >= 44.9
    left, right = scale.x(scale.first_db), scale.x(scale.last_db)
    assert left < scale.x(30.1) < scale.x(44.9) < right


def test_a_histogram_counts_its_images_within_the_drawing() -> None:
    batch = batch_of(*[41 + number % 4 * 0.5 for number in range(30)], 31.0)
    chart = psnr_histogram(batch, common_scale([batch]))
    assert chart is not None
    assert sum(int(bar.title.rpartition(": ")[2]) for bar in chart.bars) == 31
    for bar in chart.bars:
        assert chart.left <= bar.x < bar.x + bar.width <= chart.right
        assert chart.top <= bar.y + 0.01 < bar.y + bar.height <= chart.base + 0.01
    assert chart.mark_x is not None
    assert chart.bars[0].x < chart.mark_x < chart.bars[1].x


def test_images_without_any_difference_have_no_histogram() -> None:
    batch = batch_of(math.inf, math.inf)
    assert psnr_histogram(batch, common_scale([batch])) is None
