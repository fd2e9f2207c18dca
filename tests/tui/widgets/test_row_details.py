"""Under a list of images: what happened, what to do, and whose image it is, in as many rows as there are."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from engine.ledger.models import ImageRow
from tui.widgets.image_columns import FAILED_COLUMNS, IMAGE_COLUMNS, row_renderer
from tui.widgets.row_details import detail_lines

SOURCE = "/mnt/holdings/" + "directory/" * 8 + "NB_0001.jp2"


def image(**known: Any) -> ImageRow:
    nothing: dict[str, Any] = {field.name: None for field in structs.fields(ImageRow)}
    some = {
        "target": "newspapers/u/NB_0001.jpg",
        "source": SOURCE,
        "batch": "newspapers",
        "barcode": "B0001",
        "record": "9900",
        "state": "failed",
        "cause": "source-missing",
        "message": f'no such file: "{SOURCE}"',
        "warnings": (),
    }
    return ImageRow(**nothing | some | known)


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("rows", [1, 3, 5, 7, 20])
def test_details_wrap_and_stay_in_their_rows(columns: int, rows: int) -> None:
    drawn = detail_lines(image(), columns, rows)
    assert len(drawn) <= rows
    assert all(text.cell_len <= columns for text in drawn)


def test_every_fact_has_a_line_before_any_has_two() -> None:
    drawn = [text.plain for text in detail_lines(image(message="wrong " * 60), 60, 5)]
    assert [text.split()[0] for text in drawn] == ["error", "wrong", "remedy", "item", "source"]
    assert drawn[1].endswith("…"), "what is cut says so"


def test_a_path_is_told_once_and_barcode_and_record_beside_it() -> None:
    drawn = " ".join(" ".join(text.plain.split()) for text in detail_lines(image(), 200, 7))
    assert drawn.count(SOURCE) == 1
    assert "item batch newspapers, barcode B0001, record 9900" in drawn
    assert "record" not in " ".join(text.plain for text in detail_lines(image(record=None), 200, 7))


def test_failures_show_batch_and_barcode_and_only_the_cause_is_red() -> None:
    row = row_renderer(FAILED_COLUMNS).row(image(), 150)
    assert "newspapers" in row.plain
    assert "B0001" in row.plain
    assert SOURCE not in row.plain
    red = [row.plain[span.start : span.end].strip() for span in row.spans if "red" in str(span.style)]
    assert red == ["source-missing"]


def test_in_a_list_of_images_the_state_of_a_failed_one_is_red() -> None:
    def red(state: str) -> list[str]:
        row = row_renderer(IMAGE_COLUMNS).row(image(state=state, cause=None), 150)
        return [row.plain[span.start : span.end].strip() for span in row.spans if "red" in str(span.style)]

    assert red("failed") == ["✗ failed"]
    assert red("done") == []
