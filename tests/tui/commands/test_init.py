"""`photostat init` makes a workspace and overwrites none."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.command_in_process import complaint, run


def test_init_makes_a_workspace_and_never_overwrites_one(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    run("init", root)
    (root / "photostat.toml").write_text("# mine")
    assert "photostat.toml is there already" in complaint("init", root)
    assert (root / "photostat.toml").read_text() == "# mine"
    assert "is there already" in complaint("init", root / "photostat.toml")
    assert "Not a directory" in complaint("init", root / "photostat.toml" / "c")
    assert json.loads(run("init", tmp_path / "c", "--json").stdout) == {
        "workspace": str(tmp_path / "c"),
        "settings": str(tmp_path / "c" / "photostat.toml"),
    }
