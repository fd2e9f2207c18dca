"""`photostat requeue` and `photostat accept` change failed images, and no others."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec import structs

from engine.file_kind import FileKind
from engine.ledger.writer import Ledger
from engine.messages import DecodeMode
from engine.workspace import Workspace
from tests.support.command_in_process import complaint, run, write_rows
from tests.support.ledgers import converted, make_ledger, surveyed

KIND = FileKind("Kakadu", "jp2", "5-3 RCT", "untiled", "1", "RPCL", 1, "8 bits", "sRGB, 3 components", False)

U = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_requeue_and_accept_report_how_many(collection: Path) -> None:
    assert "1 image requeued." in run("requeue", "1", at=collection).stdout
    assert "1 image accepted." in run("accept", "4", "--reason", "blank", at=collection).stdout
    assert "3 images requeued." in run("requeue", "--all", at=collection).stdout
    assert "0 images requeued." in run("requeue", "--all", at=collection).stdout
    assert json.loads(run("requeue", "4", "--json", at=collection).stdout)["requeued"] == 1
    totals = json.loads(run("status", "--json", at=collection).stdout)["totals"]
    assert (totals["pending"], totals["failed"], totals["accepted"]) == (8, 0, 0)


def test_images_that_have_not_failed_are_left_alone_and_reported(collection: Path) -> None:
    result = run("requeue", "1", "6", at=collection, code=1)
    assert "1 image requeued." in result.stdout
    assert "1 image left as it is: it has not failed." in result.stderr
    result = run("accept", "2", "6", "--reason", "x", "--json", at=collection, code=1)
    assert json.loads(result.stdout) == {"accepted": 1, "not_failed": 1}


def test_what_still_collides_stays_failed_and_is_reported(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    rows = [f"{U},B,R,a.tif,map,/s/a.jp2", f"{U},B,R,a.tiff,map,/s/b.jp2"]
    run("add", write_rows(root, *rows), at=root, code=1)
    result = run("requeue", "--all", at=root, code=1)
    assert "2 images not requeued: other images have the same targets." in result.stderr
    run("accept", "1", "--reason", "a copy", at=root)
    assert "1 image requeued." in run("requeue", "--cause", "target-collision", at=root).stdout


def test_delivered_jpegs_are_replaced_only_where_that_is_said(collection: Path) -> None:
    for options, why in (
        (
            ("6", "--quality", "80"),
            "--quality, --subsampling and --yes are for --replace, --verdict and --gpu-differs",
        ),
        (("--replace",), "give --verdict with or without --batch, or --replace with IDs"),
        (("--verdict", "not-fine", "--all"), "give --verdict with or without --batch"),
        (("6", "--replace", "--batch", "maps", "--yes"), "or --replace with IDs alone"),
        (("1", "--replace", "--yes"), "image 1 is failed: only delivered JPEGs can be replaced"),
        (("99", "--replace", "--yes"), "no image 99 in the ledger; nothing was changed"),
        (("1" + "0" * 20,), "no image 100000000000000000000 in the ledger; nothing was changed"),
        (
            ("6", "7", "--replace"),
            "2 delivered JPEGs in file:out will be replaced with the present settings: say so",
        ),
    ):
        assert why in complaint("requeue", *options, at=collection)
    assert (
        "No delivered image has the verdict not fine."
        in run("requeue", "--verdict", "not-fine", "--yes", at=collection).stdout
    )
    done = ("requeue", "6", "--replace", "--subsampling", "4:2:0", "--yes")
    assert "1 image requeued with subsampling 4:2:0." in run(*done, at=collection).stdout
    run("requeue", "6", "--replace", "--quality", "70", "--yes", at=collection)
    image = json.loads(run("list", "--json", at=collection).stdout)[5]
    assert image["quality"] == 70, "changed before it is converted"
    assert (image["state"], image["subsampling"], image["replaces"]) == (
        "pending",
        "4:2:0",
        "e4d909c290d0fb1ca068ffaddf22cbd0",
    )


def test_jpegs_of_a_kind_that_a_gpu_decodes_differently_are_replaced(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 5)
    with Ledger.open(workspace) as ledger:
        for number, (kind, decoded, said) in enumerate(
            [
                (KIND, "gpu", "decoded"),
                (KIND, "whole", "differs"),
                (KIND, "gpu", "decoded"),
                (structs.replace(KIND, layers=6), "gpu", "decoded"),
                (KIND, "whole", "compared"),
            ],
            start=1,
        ):
            ledger.surveyed([structs.replace(surveyed(number), kind=kind)])
            ledger.start(number, 7, 1 << 20, DecodeMode.WHOLE)
            ledger.gpu_answered(number, said)
            ledger.converted(structs.replace(converted(number), decoded=decoded))
            ledger.done(number)
    at = workspace.root
    rows = json.loads(run("list", "--json", at=at).stdout)
    assert [row["decoded"] for row in rows] == ["gpu", "whole", "gpu", "gpu", "whole"]
    told = json.loads(run("report", "--json", at=at).stdout)
    assert told["gpu"] == {"decoded": 3, "differs": 1, "compared": 1}
    page = (at / "report" / "report.html").read_text("utf-8")
    assert "2 JPEGs of the same kinds of files made from a GPU’s pixels" in page
    assert "give --gpu-differs with or without --batch" in complaint("requeue", "1", "--gpu-differs", at=at)
    assert "2 delivered JPEGs in file:out will be replaced" in complaint("requeue", "--gpu-differs", at=at)
    done = json.loads(run("requeue", "--gpu-differs", "--yes", "--json", at=at).stdout)
    assert done == {"requeued": 2, "changed": []}
    assert {row["id"] for row in json.loads(run("list", "--json", "--state", "pending", at=at).stdout)} == {
        1,
        3,
    }
    again = run("requeue", "--gpu-differs", "--yes", at=at).stdout
    assert "No delivered JPEG has a GPU's pixels of a kind of file that it decodes differently." in again
