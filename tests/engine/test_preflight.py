"""`photostat check` reports before a run what is probably a mistake."""

from __future__ import annotations

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat


def test_settings_for_a_batch_that_is_not_there_are_a_warning(workspace: MakeWorkspace) -> None:
    settings = (
        "[batch.plats.jpeg]\nquality = 80\n[batch.plates.jpeg]\nquality = 85\n[batch.x.jpeg]\nquality = 70\n"
    )
    root = workspace(images=1, settings=settings)
    printed = photostat("check", workspace=root)
    assert "[batch.plats.jpeg] is for no batch of the ledger: did you mean plates?" in printed.stdout
    assert photostat("check", "--json", workspace=root).json["warnings"] == [
        "[batch.plats.jpeg] is for no batch of the ledger: did you mean plates?",
        "[batch.x.jpeg] is for no batch of the ledger",
    ]


def test_a_scratch_that_cannot_be_used_is_printed(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings='[engine]\nscratch = "export.csv"\n')
    printed = photostat("check", workspace=root, expect=1)
    assert "scratch: " in printed.stdout
    assert "not a directory" in printed.stdout
