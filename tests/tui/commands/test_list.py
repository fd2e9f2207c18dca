"""`photostat list`: every image, its warnings, and whose PSNR is far below its batch."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.command_in_process import run
from tests.support.command_line import photostat
from tests.support.ledgers import finish, make_ledger


def convert(workspace: Workspace, image_id: int, psnr_db: float, *warnings: str) -> None:
    with Ledger.open(workspace, "run") as ledger:
        finish(ledger, image_id, psnr_db, warnings)


def test_list_has_every_image_as_lines_csv_and_json(collection: Path) -> None:
    documents = json.loads(run("list", "--json", at=collection).stdout)
    rows = list(csv.DictReader(io.StringIO(run("list", "--csv", at=collection).stdout)))
    assert [int(row["id"]) for row in rows] == [d["id"] for d in documents] == list(range(1, 11))
    assert rows[5]["md5"] == documents[5]["md5"] == "e4d909c290d0fb1ca068ffaddf22cbd0"
    assert documents[5]["psnr"] == 41.2 and documents[0]["psnr"] is None
    done = run("list", "--state", "done", "--batch", "newspapers", at=collection).stdout.splitlines()
    assert len(done) == 2 and done[0].split()[:2] == ["6", "done"]


def test_warnings_are_listed_under_their_image(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, done=1)
    convert(workspace, 2, 41.0, "OpenJPEG: something odd", "alpha flattened on \x1b[31m#ffffff")
    lines = photostat("list", workspace=workspace.root).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "warning:", "warning:", "3"]
    assert lines[2].strip() == "warning: OpenJPEG: something odd"
    assert lines[3].strip() == r"warning: alpha flattened on \x1b[31m#ffffff"


def test_psnr_far_below_its_batch_is_a_warning(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 10, done=8)
    convert(workspace, 9, 30.25)
    convert(workspace, 10, 41.0)
    listed = photostat("list", workspace=workspace.root)
    assert len(listed.stdout.splitlines()) == 10
    (warning,) = listed.stderr.splitlines()
    assert warning.startswith("PSNR far below its batch, 30.2 dB: 9  ")


def test_list_finds_barcodes_and_records_whole_or_by_their_beginning(collection: Path) -> None:
    def found(*options: str) -> list[int]:
        return [image["id"] for image in json.loads(run("list", "--json", *options, at=collection).stdout)]

    everything = list(range(1, 11))
    assert found("--barcode", "B0000000") == found("--barcode", "b00*") == everything
    assert found("--record", "9900000000") == everything and found("--record", "99*", "--state", "done") == [
        6,
        7,
    ]
    assert found("--barcode", "B000") == found("--record", "9_*") == []
    nothing = run("list", "--barcode", "B000", at=collection)
    assert (nothing.stdout, nothing.stderr) == ("", "There are no such images.\n")


def test_a_reader_that_has_seen_enough_ends_the_list_quietly(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 4000)
    for options in (("list", "--csv"), ("list", "--json"), ("failures", "--json"), ("list",)):
        command = [sys.executable, "-m", "tui.cli", "-C", str(workspace.root), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.read(1)
            process.stdout.close()
            assert process.stderr.read() == b"", options
