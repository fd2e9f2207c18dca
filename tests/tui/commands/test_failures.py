"""`photostat failures` groups them by cause."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.support.command_in_process import run


def test_failures_are_grouped_by_cause_with_their_remedy(collection: Path) -> None:
    text = run("failures", at=collection).stdout
    assert text.startswith("truncated: 3 images\n  Restore the file from a backup")
    assert "[bold]markup[/bold] and \\x1b[31mcolour" in text and "\x1b" not in text
    listed = json.loads(run("failures", "--json", "--cause", "corrupt", at=collection).stdout)
    assert [(image["id"], image["cause"], image["state"]) for image in listed] == [(4, "corrupt", "failed")]
    wanted = {
        "id",
        "batch",
        "uuid",
        "barcode",
        "record",
        "source",
        "target",
        "state",
        "attempts",
        "stage",
        "message",
    }
    assert wanted <= listed[0].keys()
    assert listed[0]["remedy"].startswith("Restore the file")


def test_failures_are_a_table_too_and_of_one_item_or_record(collection: Path) -> None:
    documents = json.loads(run("failures", "--json", at=collection).stdout)
    rows = list(csv.DictReader(io.StringIO(run("failures", "--csv", at=collection).stdout)))
    assert list(rows[0]) == list(documents[0])
    assert [(int(row["id"]), row["cause"], row["remedy"]) for row in rows] == [
        (one["id"], one["cause"], one["remedy"]) for one in documents
    ]
    assert not any(map(str.isspace, "".join(row["message"][:1] for row in rows)))
    barcode = documents[0]["barcode"]
    assert len(json.loads(run("failures", "--json", "--barcode", barcode.lower(), at=collection).stdout)) == 5
    assert (
        run("failures", "--barcode", f"{barcode}x", at=collection).stdout == "Nothing of these has failed.\n"
    )
    text = run("failures", "--record", f"{documents[0]['record'][:4]}*", "--cause", "corrupt", at=collection)
    assert text.stdout.startswith("corrupt: 1 image\n")
    assert "exclude each other" in run("failures", "--csv", "--json", at=collection, code=2).stderr
