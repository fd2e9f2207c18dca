"""Names that a terminal, a reader or a spreadsheet would obey: visible in every output, and verbatim in JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

from tests.support.command_line import photostat
from tests.support.html_checks import Page
from tests.support.jp2_files import Row, make_jp2, representation, write_export
from tests.support.wrong_server import Reply, WrongServer

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NAME = '=HYPERLINK("http:evil.example";"x")\u202egpj.tif'
RECORD = "@SUM(A1)\x9b31m\x85\u202d\u2067"
BARCODE = "\t=1+1"
SOURCE = "\x1b]0;evil\x07\u202e.jp2"


def hostile_rows(root: Path) -> list[Row]:
    """A good image, a damaged one, and one whose source is not there."""
    rows = []
    for number, kind in enumerate(("good", "damaged", "missing")):
        source = root / "source" / kind / SOURCE
        if kind == "good":
            make_jp2(source, 64, 48)
        elif kind == "damaged":
            source.parent.mkdir(parents=True)
            source.write_bytes(b"no image at all" * 40)
        rows.append(Row(representation(number), BARCODE, RECORD, NAME, "=\u202eplates", str(source)))
    (root / "source" / "missing").mkdir()
    return rows


def outputs_of(root: Path) -> dict[str, str]:
    """What each command prints, and each file that is written for people."""
    shown = {}
    for command in (
        ["check"], ["run", "--headless"], ["status"], ["failures"], ["list"], ["list", "--csv"], ["list", "--json"],
        ["failures", "--json"], ["reconcile"], ["reconcile", "--json"], ["check", "--json"], ["report", "-o", "r"],
        ["proof", "-o", "proof.html"], ["quality", NAME], ["requeue", "--cause", RECORD], ["list", "--batch", NAME],
        [SOURCE], ["add", str(root / SOURCE)],
    ):  # fmt: skip
        outcome = photostat(*command, workspace=root, cwd=root, expect=None)
        assert "Traceback" not in outcome.stderr and "internal error" not in outcome.stderr
        shown[" ".join(command)] = outcome.stdout + outcome.stderr
    for file in [*(root / "logs").iterdir(), *(root / "r").iterdir(), root / "proof.html"]:
        shown[file.name] = file.read_text(encoding="utf-8")
    return shown


def test_hostile_names_are_visible_in_every_output_and_verbatim_in_json(
    tmp_path: Path, wrong_server: WrongServer
) -> None:
    root = tmp_path / "workspace"
    photostat("init", root)
    (root / "photostat.toml").write_text(f'[notify]\nurls = ["{wrong_server.endpoint}"]\n', encoding="utf-8")
    wrong_server.answer = lambda asked: Reply()
    write_export(root / "export.csv", hostile_rows(root))
    added = photostat("add", root / "export.csv", "--batch", "plates", workspace=root)
    shown = outputs_of(root) | {"add": added.stdout + added.stderr}
    shown["notification"] = b"".join(asked.body for asked in wrong_server.asked).decode()
    for what, text in shown.items():
        assert not (found := OBEYED.search(text.replace("\r\n", "\n"))), (what, found)

    listed = json.loads(shown["list --json"])
    assert {row["state"] for row in listed} == {"done", "failed"}
    for row in listed:
        assert (row["name"], row["record"], row["barcode"]) == (NAME, RECORD, BARCODE)
        assert row["source"].endswith(SOURCE)
    cells = list(csv.DictReader(io.StringIO(shown["list --csv"])))
    assert cells[0]["name"] == '\'=HYPERLINK("http:evil.example";"x")\\u202egpj.tif'
    assert cells[0]["record"] == r"'@SUM(A1)\x9b31m\x85\u202d\u2067" and cells[0]["barcode"] == r"\t=1+1"
    for name in ("failures.csv", "attention.csv", "batches.csv"):
        for line in csv.reader(io.StringIO(shown[name])):
            assert not any(cell[:1] in tuple("=+-@\t\r") for cell in line), (name, line)
    assert r"\u202e" in Page(shown["report.html"]).text
