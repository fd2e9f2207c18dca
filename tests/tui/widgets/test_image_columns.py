"""The columns of a list of images share its width."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from rich.cells import cell_len

from engine.ledger.models import ImageRow
from tui.widgets.image_columns import FAILED_COLUMNS, IMAGE_COLUMNS, Column, row_renderer


@pytest.mark.parametrize("columns", [FAILED_COLUMNS, IMAGE_COLUMNS], ids=["failed", "images"])
@pytest.mark.parametrize("has_hosts", [False, True])
@pytest.mark.parametrize("width", [57, 77, 97, 117, 157, 197, 297])
def test_columns_share_the_width_and_stay_in_it(
    columns: tuple[Column, ...], width: int, has_hosts: bool
) -> None:
    nothing: dict[str, Any] = {field.name: None for field in structs.fields(ImageRow)}
    known = {"target": "a.jpg", "message": "m" * 300, "cause": "truncated", "batch": "maps", "uuid": "u"}
    image = ImageRow(**nothing | known | {"state": "failed"})
    cells = row_renderer(columns, has_hosts=has_hosts)
    assert cells.head(width).cell_len <= width
    row = cells.row(image, width).plain
    assert cell_len(row) <= width
    assert row.startswith("a.jpg")
    blanks = len(row[5:]) - len(row[5:].lstrip())
    assert blanks < 60, "no other column goes without what this one leaves empty"
    if width >= 190 + 14 * has_hosts:
        assert row.count("m") >= 40


@pytest.mark.parametrize("width", range(86, 126))
def test_the_host_takes_no_room_from_the_name(width: int) -> None:
    """A column that finds no room beside it is left out."""
    nothing: dict[str, Any] = {field.name: None for field in structs.fields(ImageRow)}
    name = "NB_00000_p0001.jpg"
    known = {"target": name, "message": "m" * 300, "cause": "truncated", "batch": "maps", "host": "conv2"}
    row = row_renderer(FAILED_COLUMNS, has_hosts=True).row(ImageRow(**nothing | known), width).plain
    assert row.startswith(name) and "conv2" in row and cell_len(row) <= width
