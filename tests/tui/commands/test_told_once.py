"""A path is told whole and once, what a row does not have is left out, and an image that was never tried says so."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.html_checks import Page
from tests.support.jp2_files import Row, representation, write_export
from tui.screens.image_record import detail_text, read_record
from tui.widgets.image_columns import FAILED_COLUMNS, row_renderer


def rows(root: Path) -> list[Row]:
    """Sources that are not there: by an absolute path and by a relative one. One has a record and a barcode."""
    there = root / "source" / ("long-" * 30)
    there.mkdir(parents=True)
    (there / "another file").write_bytes(b"")  # else the share would seem to be away
    return [
        Row(representation(1), "", "", "a.tif", "plates", str(there / "absolute.jp2")),
        Row(representation(2), "B01", "R01", "b.tif", "plates", f"source/{there.name}/relative.jp2"),
    ]


def test_paths_are_told_once_and_whole_and_absent_values_and_attempts_as_such(tmp_path: Path) -> None:
    root = tmp_path / "w"
    photostat("init", root)
    found = rows(root)
    write_export(root / "export.csv", found)
    photostat("add", root / "export.csv", "--batch", "plates", workspace=root)
    checked = photostat("check", workspace=root, env={"COLUMNS": "40"}, expect=1).stdout
    whole = [found[0].source, str(root / found[1].source)]
    for path in whole:
        (line,) = [line for line in checked.splitlines() if Path(path).name in line]
        assert line.count(path) == 1 and line.endswith(": No such file or directory (ENOENT)")

    photostat("run", "--headless", workspace=root, expect=1)
    photostat("report", "-o", root / "report", workspace=root)
    page = Page((root / "report/report.html").read_text(encoding="utf-8")).text
    for name in ("absolute.jp2", "relative.jp2"):
        assert page.count(name) == 1
    assert "no. 2, record R01, barcode B01" in page and "no. 1, record" not in page
    assert page.count("record ") == 1 and page.count("never") == 2
    listed = photostat("failures", workspace=root).stdout
    assert [listed.count(path) for path in whole] == [1, 1]
    with LedgerReader(Workspace(root)) as reader:
        record = read_record(reader, 1)
    text = "\n".join(line.plain for line in detail_text(record, 0.0))
    assert "tried             never: its row in the export or its header" in text
    assert text.count(whole[0]) == 1
    assert " never " in row_renderer(FAILED_COLUMNS).row(record.image, 120).plain
