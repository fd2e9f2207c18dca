"""The columns of a list of images share its width."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from rich.cells import cell_len

from engine.ledger.models import ImageRow
from tui.widgets.image_columns import FAILED_COLUMNS, IMAGE_COLUMNS, Column, row_renderer


@pytest.mark.parametrize("columns", [FAILED_COLUMNS, IMAGE_COLUMNS], ids=["failed", "images"])
@pytest.mark.parametrize("width", [57, 77, 97, 117, 157, 197, 297])
def test_columns_share_the_width_and_stay_in_it(columns: tuple[Column, ...], width: int) -> None:
    nothing: dict[str, Any] = {field.name: None for field in structs.fields(ImageRow)}
    known = {"target": "a.jpg", "message": "m" * 300, "cause": "truncated", "batch": "maps", "uuid": "u"}
    image = ImageRow(**nothing | known | {"state": "failed"})
    cells = row_renderer(columns)
    assert cells.head(width).cell_len <= width
    row = cells.row(image, width).plain
    assert cell_len(row) <= width
    assert row.startswith("a.jpg")
    blanks = len(row[5:]) - len(row[5:].lstrip())
    assert blanks < 60, "no other column goes without what this one leaves empty"
    if width >= 190:
        assert row.count("m") >= 40
