"""An .xlsx workbook is read directly; numbers come with the digits shown, and what has no sure text is refused."""

from __future__ import annotations

import pytest

from engine.failures import UserError
from tests.support.exports import U1, Collection, refusals
from tests.support.workbooks import number, text, truth, workbook

COLUMNS = [text(name) for name in ("UUID", "Barcode", "Record", "File name", "Type", "Path")]


def image(name: str, barcode: str, record: str = number("990001274162")) -> list[str]:
    return [text(U1), barcode, record, text(f"{name}.tif"), text("maps"), text(f"/s/{name}.jp2")]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (number("1.23456789012E+12"), "1234567890120"),
        (number("123456789012345"), "123456789012345"),
        (number("4711", style=1), "00004711"),
        (number("4711", style=2), "4711"),
        (number("1.5"), "1.5"),
        (number("-3"), "-3"),
        (text("00012"), "00012"),
        (text(" Ä,\n„x“ "), " Ä,\n„x“ "),
    ],
)
def test_a_barcode_comes_through_as_the_spreadsheet_shows_it(
    collection: Collection, cell: str, shown: str
) -> None:
    rows = [COLUMNS, image("a", cell)]
    report = collection.add(workbook({"Images": rows}, formats=["00000000", "#,##0"]), name="x.xlsx")
    assert (report.total.new, report.encoding, report.header_line) == (1, "xlsx", 1)
    (found,) = collection.images()
    assert (found.barcode, found.record, found.target) == (shown, "990001274162", f"b/{U1}/a.jpg")


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (number("45000", style=1), "column 2 is a date or time (2023-03-15"),
        (truth(True), "column 2 is a truth value (TRUE)"),
        (number("99123456789012345678"), "more than 15 digits"),
        (number("12", style=2), "the spreadsheet shows as"),
    ],
)
def test_a_cell_without_a_sure_text_costs_its_own_row_only(
    collection: Collection, cell: str, says: str
) -> None:
    rows = [COLUMNS, image("a", cell), [], image("b", number("7"))]
    report = collection.add(workbook({"Images": rows}, formats=["dd.mm.yyyy", '"MS-"0000']))
    assert list(refusals(report)) == [2]
    assert says in refusals(report)[2]
    assert [i.name for i in collection.images()] == ["b.tif"]


def test_a_cell_that_is_not_used_may_be_anything(collection: Collection) -> None:
    rows = [[*COLUMNS, text("Scanned")], [*image("a", number("1")), number("45000", style=1)]]
    assert collection.add(workbook({"Images": rows}, formats=["dd.mm.yyyy"])).total.new == 1


def test_the_first_visible_sheet_with_rows_is_read_and_the_others_are_named(collection: Collection) -> None:
    rows = [COLUMNS, image("a", number("1"))]
    sheets = {"Old": rows, "Empty": [], "Images": rows, "Notes": [[text("x")]]}
    report = collection.add(workbook(sheets, hidden=["Old"]))
    assert report.total.new == 1
    assert any("'Images' is read" in note and "'Notes'" in note for note in report.notes)


def test_the_same_workbook_again_is_known(collection: Collection) -> None:
    data = workbook({"Images": [COLUMNS, image("a", number("1")), image("b", number("2"))]})
    collection.add(data)
    assert collection.add(data).total.known == 2


def test_a_damaged_workbook_is_said_in_a_line(collection: Collection) -> None:
    data = workbook({"Images": [COLUMNS, image("a", number("1"))]})
    for broken in (
        data[:-40],
        data[: len(data) // 2],
        data.replace(b"xl/worksheets/sheet1", b"xl/worksheets/sheet9"),
    ):
        with pytest.raises(UserError, match="workbook"):
            collection.add(broken)
    assert collection.images() == []
