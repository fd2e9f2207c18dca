"""The quick tables of images say what the rows' own documents say."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest

from engine.csv_output import cell
from engine.failures import Cause, Failure, Stage
from engine.ledger.filters import ImageFilter
from engine.ledger.image_table import documents, write_csv
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, finish, make_ledger

_HOSTILE = ("=1+1", "a;-b", "\x1b[31mred", "' @x", "–;＋1", 'say "no"', "a\r\nb")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_ledger(tmp_path / "ws", 12, failed=5, done=3)
    rows = [
        row._replace(uuid=f"00000000-0000-4000-8000-{number:012}", name=f"n{number}.tif", record=text)
        for number, (row, text) in enumerate(zip(export(len(_HOSTILE), "maps"), _HOSTILE, strict=True))
    ]
    with Ledger.open(made, "add") as ledger:
        ledger.import_rows(iter(rows))
        finish(ledger, 9, math.inf, ("alpha; flattened", "=odd"))
        with ledger.transaction():
            ledger.failed(10, Failure(Cause.INTERNAL, Stage.READING, "=cmd\x1b", "- see the log"))
    return made


def test_they_have_what_the_documents_have(workspace: Workspace) -> None:
    with LedgerReader(workspace) as reader:
        expected = [image.to_json() for image in reader.images()]
        assert list(documents(reader.stream())) == expected
        out = io.StringIO(newline="")
        write_csv(out, reader.stream())
    assert any(row["psnr"] == 100 for row in expected) and any(row["warnings"] for row in expected)
    lines = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert lines[0] == list(ImageRow.names())
    for line, document in zip(lines[1:], expected, strict=True):
        values = document | {"warnings": "; ".join(document["warnings"])}
        assert line == ["" if values[name] is None else str(cell(values[name])) for name in lines[0]]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (ImageFilter(), 19),
        (ImageFilter(batch="maps"), 7),
        (ImageFilter(state="failed"), 6),
        (ImageFilter(barcode="b0000"), 0),
        (ImageFilter(barcode="b0000000", batch="newspapers"), 12),
        (ImageFilter(barcode="b00000*", batch="newspapers"), 12),
        (ImageFilter(barcode="*"), 19),
        (ImageFilter(barcode="B000000_"), 0),
        (ImageFilter(record="=1+1"), 1),
        (ImageFilter(record="a;*"), 1),
        (ImageFilter(record=""), 0),
        (ImageFilter(text="b00000", batch="newspapers"), 12),
    ],
)
def test_the_stream_is_what_the_pages_are(workspace: Workspace, wanted: ImageFilter, count: int) -> None:
    with LedgerReader(workspace) as reader:
        streamed = [ImageRow.of(row) for row in reader.stream(wanted)]
        assert streamed == list(reader.iterate(wanted))
        assert (len(streamed), reader.count(wanted)) == (count, count)


def test_the_stream_is_of_one_moment(workspace: Workspace) -> None:
    with LedgerReader(workspace) as reader:
        stream = reader.stream(ImageFilter(state="pending"))
        first = next(stream)
        with Ledger.open(workspace, "run") as ledger:
            finish(ledger, 12)
            ledger.import_rows(export(40, "later"))
        assert len([first, *stream]) == 9
        assert reader.count() == 59, "the view ended with the stream"
