"""`photostat failures` groups them by cause."""

from __future__ import annotations

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
