"""What photostat writes into a CSV is text in a spreadsheet and can be told from the original."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.csv_output import cell, is_plain, start_table
from engine.formatting import visible_controls

ROOT = Path(__file__).parents[2]
RUNS = "=+-@\t\r＝＋－＠"
texts = st.text(st.sampled_from("'=+-@＝＋－＠;ab \t\r\n\x85\u202e"))


@pytest.mark.parametrize("first", RUNS)
def test_no_cell_begins_with_what_a_spreadsheet_runs(first: str) -> None:
    text = str(cell(f'{first}HYPERLINK("http://evil.example";"click")'))
    assert text[0] not in RUNS and text[0] in "'\\"
    assert text.endswith('HYPERLINK("http://evil.example";"click")')


@given(texts)
def test_the_text_can_be_told_from_what_stands_in_the_cell(text: str) -> None:
    written = str(cell(text))
    assert not re.search(r"(?:^\s*|;)[=+\-@＝＋－＠]", written)
    assert re.sub(r"(^\s*|;)'(?='*[=+\-@＝＋－＠])", r"\1", written) == visible_controls(text)


@given(st.lists(texts, max_size=4))
def test_a_row_that_is_plain_at_a_glance_needs_no_change(row: list[str]) -> None:
    assert not is_plain(row) or [cell(text) for text in row] == row


def test_usual_rows_are_plain_at_a_glance() -> None:
    assert is_plain(["maps", "12ab-34", "B1", "", "a b-1.tif", "/mnt/a/b;c.jp2"])
    assert not is_plain(["a", "=1"]) and not is_plain(["a;-1"]) and not is_plain(["a\x1b"])


def test_numbers_stay_numbers_and_names_stay_names() -> None:
    assert [cell(value) for value in (-1, -2.5, None, True)] == [-1, -2.5, None, True]
    for name in ("b/u/1-2.jpg", "Ærøskøbing 地図", "نمی\u200cخواهم", "a\xa0b", "'68", "a'=b", "x; y"):
        assert cell(name) == name


def test_what_a_terminal_obeys_is_visible() -> None:
    assert cell("a\x1b[2J\x9b\x85\n\u202e\u2066\udcff") == r"a\x1b[2J\x9b\x85\n\u202e\u2066\xff"


def test_a_table_is_csv() -> None:
    stream = io.StringIO()
    add = start_table(stream, ["id", "target"])
    add([-1, '=1+1,"x"'])
    add([2, None])
    assert list(csv.reader(io.StringIO(stream.getvalue()))) == [
        ["id", "target"],
        ["-1", '\'=1+1,"x"'],
        ["2", ""],
    ]


def test_every_csv_is_written_here() -> None:
    """But the demo's export, which is input."""
    writers = [
        path.relative_to(ROOT).as_posix()
        for package in ("engine", "tui")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)\b", path.read_text(encoding="utf-8"))
    ]
    assert sorted(writers) == ["engine/csv_output.py", "engine/demo/make.py"]
