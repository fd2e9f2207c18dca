"""Any valid record is taken, however long; a quote that is never closed costs its own row and no other."""

from __future__ import annotations

import pytest

from tests.support.exports import HEADER, U1, U2, Collection, refusals, row


@pytest.mark.parametrize(
    "cell",
    [
        "line\n" * 51,
        "OCR text, with commas; and quotes\r\n" * 5000,
        "x" * 200_000,
        "y" * 3_000_000,
        f"see\n{U2}\nand {U2}, too",
        "\n\n",
    ],
    ids=["51 lines", "5000 lines", "200 kB", "3 MB", "UUIDs in text", "newlines alone"],
)
def test_a_long_cell_is_one_cell(collection: Collection, cell: str) -> None:
    report = collection.add(HEADER + row("a.tif", record=cell) + row("b.tif", "/s/b.jp2") + row(uuid="bad"))
    assert (report.total.new, report.refused) == (2, 1)
    assert collection.images()[0].record == cell
    lines = 4 + len((cell + ".").splitlines()) - 1
    assert list(refusals(report)) == [lines]


UNCLOSED = f'{U1},B,"R,x.tif,maps,/s/x.jp2\n'


@pytest.mark.parametrize(
    "after",
    [
        "".join(row(f"{i}.tif", f"/s/{i}.jp2") for i in range(3000)),
        "".join(row(f"{i}.tif", f"/s/{i}.jp2", record='a "quoted", one') for i in range(300)),
        "".join(row(f"{i}.tif", f"/s/{i}.jp2", record=", begins with a comma") for i in range(300)),
        "".join(row(f"{i}.tif", f"/s/{i}.jp2", record="\nbegins with a newline") for i in range(300)),
        "".join(f'{U1},"",R,{i}.tif,maps,/s/{i}.jp2\n' for i in range(300)),
        "",
    ],
    ids=["plain", "quotes", "comma first", "newline first", "empty quotes", "last row"],
)
@pytest.mark.parametrize("header", [HEADER, ""], ids=["header", "no header"])
def test_an_unclosed_quote_costs_its_own_row(collection: Collection, after: str, header: str) -> None:
    before = row("first.tif", "/s/first.jp2")
    report = collection.add(header + before + UNCLOSED + after)
    line = 3 if header else 2
    assert list(refusals(report)) == [line]
    assert "a quote that begins in this line is never closed" in refusals(report)[line]
    assert report.total.new == 1 + after.count(".tif")


def test_every_unclosed_quote_is_reported_with_its_line(collection: Collection) -> None:
    text = row("a.tif") + UNCLOSED + row("b.tif", "/s/b.jp2") + UNCLOSED + UNCLOSED + row("c.tif", "/s/c.jp2")
    report = collection.add(text)
    assert list(refusals(report)) == [2, 4, 5]
    assert report.total.new == 3


def test_a_first_row_with_an_unclosed_quote_takes_no_other_along(collection: Collection) -> None:
    report = collection.add(UNCLOSED + row("a.tif") + row("b.tif", "/s/b.jp2", record=", x"), header=False)
    assert (list(refusals(report)), report.total.new) == ([1], 2)
