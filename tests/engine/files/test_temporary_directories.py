"""What a killed command left in scratch is removed by the next one, and nothing else there."""

from __future__ import annotations

import os
from pathlib import Path

from engine.files.temporary_directories import temporary_directory


def test_what_a_killed_command_left_is_removed_and_nothing_in_use_or_of_others(tmp_path: Path) -> None:
    left, young, others, link = (
        tmp_path / name
        for name in ("photostat-review-a", "photostat-review-b", "review-2026", "photostat-review-l")
    )
    for path in (left, young, others):
        path.mkdir()
        (path / "7.jpg").write_bytes(b"x")
    link.symlink_to(others)
    with temporary_directory(tmp_path, "review") as used:
        (used / "1.jpg").write_bytes(b"x")
        for path in (left, others, used):
            os.utime(path, (1, 1))
        with temporary_directory(tmp_path, "review") as another:
            assert {*tmp_path.iterdir()} == {young, others, link, used, another}
            assert (used / "1.jpg").exists()
    assert {*tmp_path.iterdir()} == {young, others, link} and (others / "7.jpg").exists()
