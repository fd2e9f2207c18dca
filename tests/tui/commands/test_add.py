"""`photostat add` reports what became of every row."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.ledger.lock import Lock
from engine.workspace import Workspace
from tests.support.command_in_process import complaint, run, write_rows

U = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_add_reports_what_became_of_every_row(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    path = write_rows(
        root,
        "UUID,Barcode,Record,Name,Type,Path",
        f"{U},B,R,a.tif,map,/s/a.jp2",
        f"{U},B,R,a.tiff,map,/s/b.jp2",
        f"{U},B,R,c.tif,map,/s/c.jp2",
        f"{U},B,R,c.tif,map,/s/c.jp2",
        f"{U},B,R,../d.tif,map,/s/d.jp2",
        "\x1b[31mred,B,R,e.tif,map,/s/e.jp2",
    )
    result = run("add", path, at=root, code=1)
    assert "6 rows, read as utf-8" in result.stdout
    assert "Line 1 is taken as the header" in result.stdout
    assert "  line 6: the name has a slash" in result.stdout
    assert "a.jpg is also the target of line 3" in result.stdout
    assert "\x1b" not in result.stdout
    document = json.loads(run("add", path, "--json", at=root, code=1).stdout)
    counts = {key: document[key] for key in ("rows", "new", "known", "changed", "colliding", "malformed")}
    assert counts == {"rows": 6, "new": 0, "known": 4, "changed": 0, "colliding": 2, "malformed": 2}
    assert [refusal["line"] for refusal in document["refusals"]] == [6, 7]
    assert [batch["name"] for batch in document["batches"]] == ["maps"]


def test_add_of_a_good_export_exits_with_0(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    run("add", write_rows(root, f"{U},B,R,a.tif,map,/s/a.jp2"), "--batch", "b", at=root)
    assert json.loads(run("list", "--json", at=root).stdout)[0]["target"] == f"b/{U}/a.jpg"


def test_add_of_something_else_than_an_export_exits_with_2(tmp_path: Path) -> None:
    root = Workspace.init(tmp_path / "ws").root
    assert "this is a directory" in complaint("add", root, at=root)
    os.mkfifo(root / "pipe.csv")
    assert "this is a named pipe, not a file" in complaint("add", root / "pipe.csv", at=root)
    assert "there is no row in it" in complaint("add", write_rows(root), at=root)
    (root / "latin.csv").write_bytes(f"{U},B,R,caf\xe9.tif,map,/s/a.jp2".encode("latin-1"))
    assert 'encoding = "latin-1" under [manifest] may be right' in complaint(
        "add", root / "latin.csv", at=root
    )


def test_add_beside_an_engine_that_does_not_answer_names_it(collection: Path) -> None:
    lock = Lock.acquire(Workspace(collection).lock_path, "run")
    try:
        export = write_rows(collection, f"{U},B,R,a.tif,map,/s/a.jp2")
        message = complaint("add", export, at=collection, code=3)
    finally:
        lock.release()
    assert f"the engine (pid {os.getpid()}, since " in message and "does not answer" in message
