"""`photostat list`, plain: what was warned of, and whose PSNR is far below its batch."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.ledgers import finish, make_ledger


def convert(workspace: Workspace, image_id: int, psnr_db: float, *warnings: str) -> None:
    with Ledger.open(workspace, "run") as ledger:
        finish(ledger, image_id, psnr_db, warnings)


def test_warnings_stand_under_their_image(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, done=1)
    convert(workspace, 2, 41.0, "OpenJPEG: something odd", "alpha flattened on \x1b[31m#ffffff")
    lines = photostat("list", workspace=workspace.root).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "warning:", "warning:", "3"]
    assert lines[2].strip() == "warning: OpenJPEG: something odd"
    assert lines[3].strip() == r"warning: alpha flattened on \x1b[31m#ffffff"


def test_psnr_far_below_its_batch_is_remarked(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 10, done=8)
    convert(workspace, 9, 30.25)
    convert(workspace, 10, 41.0)
    listed = photostat("list", workspace=workspace.root)
    assert len(listed.stdout.splitlines()) == 10
    (remark,) = listed.stderr.splitlines()
    assert remark.startswith("PSNR far below its batch, 30.2 dB: 9  ")
