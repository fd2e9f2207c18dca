"""A row's batch: the file's name, the one that is given, or its material type."""

from __future__ import annotations

import pytest

from engine.failures import UserError
from tests.support.exports import HEADER, Collection, refusals, row


def test_the_file_s_name_is_the_batch_by_default(collection: Collection) -> None:
    report = collection.add(row(), batch=None, name="Old maps (1850).csv")
    assert [b.batch for b in report.batches] == ["Old-maps-1850"]


def test_split_by_type_name_or_number(collection: Collection) -> None:
    text = (
        HEADER
        + row("a.tif", kind="Maps & plans")
        + row("b.tif", kind="news")
        + row("c.tif", kind="maps - plans")
    )
    for split_by in ("type", "Type", "5"):
        report = collection.add(text, batch=None, split_by=split_by)
        assert [b.batch for b in report.batches] == ["Maps-plans", "news"]
        assert "'maps - plans' goes into batch Maps-plans, together with 'Maps & plans'" in report.notes
    assert [i.batch for i in collection.images()] == ["Maps-plans", "news", "Maps-plans"]
    assert [i.type for i in collection.images()] == ["Maps & plans", "news", "maps - plans"]


def test_splitting_refuses_rows_without_a_type_and_columns_that_are_no_type(collection: Collection) -> None:
    report = collection.add(
        HEADER + row(kind="") + row("b.tif", kind="***") + row("c.tif"), batch=None, split_by="type"
    )
    assert list(refusals(report)) == [2, 3]
    many = "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(300))
    with pytest.raises(UserError, match="more than 200 batches"):
        collection.add(HEADER + many, batch=None, split_by="Path")
    with pytest.raises(UserError, match="--split-by genre: no such column"):
        collection.add(HEADER + row(), batch=None, split_by="genre")


def test_a_batch_name_that_is_none_is_refused_with_one_that_is(collection: Collection) -> None:
    with pytest.raises(UserError, match="--batch a-b would do"):
        collection.add(row(), batch="a/b")
