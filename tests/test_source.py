"""Is one file missing, or is the share away? Told apart by what else is there, and was there before."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from engine.stages.source import SourceWatch


@pytest.fixture
def share(tmp_path: Path) -> Path:
    for representation in ("r1", "r2", "r3"):
        directory = tmp_path / "mnt" / "share" / representation
        directory.mkdir(parents=True)
        for page in range(3):
            (directory / f"{page}.jp2").write_bytes(b"x")
    return tmp_path / "mnt" / "share"


def watch_after(share: Path, *names: str) -> SourceWatch:
    watch = SourceWatch()
    for name in names:
        watch.saw(str(share / name))
    return watch


def test_one_missing_file_is_only_that(share: Path) -> None:
    (share / "r2" / "1.jp2").unlink()
    assert SourceWatch().away(str(share / "r2" / "1.jp2")) is None


def test_a_file_that_is_there_again_is_no_reason(share: Path) -> None:
    assert SourceWatch().away(str(share / "r2" / "1.jp2")) is None


def test_an_empty_mount_point_is_a_share_that_is_away(share: Path) -> None:
    shutil.rmtree(share)
    share.mkdir()
    assert "empty" in (SourceWatch().away(str(share / "r2" / "1.jp2")) or "")
    assert "empty" in (watch_after(share, "r2/0.jp2").away(str(share / "r2" / "1.jp2")) or "")


def test_a_mount_point_that_vanished_is_noticed_by_what_was_seen_there(share: Path) -> None:
    watch = watch_after(share, "r1/0.jp2")
    other_disk = share.parent / "other" / "0.jp2"
    other_disk.parent.mkdir()
    other_disk.touch()
    watch.saw(str(other_disk))
    shutil.rmtree(share)
    assert "disappeared" in (watch.away(str(share / "r2" / "1.jp2")) or "")


def test_a_representation_that_was_deleted_is_not_the_share(share: Path) -> None:
    watch = watch_after(share, "r1/0.jp2", "r2/0.jp2")
    shutil.rmtree(share / "r2")
    assert watch.away(str(share / "r2" / "1.jp2")) is None


def test_a_representation_that_is_empty_is_not_the_share(share: Path) -> None:
    shutil.rmtree(share / "r2")
    (share / "r2").mkdir()
    assert watch_after(share, "r1/0.jp2").away(str(share / "r2" / "1.jp2")) is None
    assert SourceWatch().away(str(share / "r2" / "1.jp2"), [str(share / "r3" / "0.jp2")]) is None


def test_a_flat_share_that_empties_is_away(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    watch = watch_after(flat, "1.jp2")
    assert "empty" in (watch.away(str(flat / "2.jp2")) or "")
    flat.rmdir()
    (tmp_path / "neighbour").touch()
    assert "no other source is there" in (watch.away(str(flat / "2.jp2")) or "")


def test_the_manifests_root_missing_is_the_share(tmp_path: Path) -> None:
    watch = SourceWatch(root=str(tmp_path / "root"))
    assert "root is not there" in (watch.away(str(tmp_path / "root" / "r" / "1.jp2")) or "")


def test_nothing_there_at_all_is_the_share_and_one_other_source_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "neighbour").touch()
    path = str(tmp_path / "share" / "r0" / "1.jp2")
    others = [str(tmp_path / "share2" / f"r{n}" / "1.jp2") for n in range(6)]
    assert "6 other sources" in (SourceWatch().away(path, others) or "")
    assert SourceWatch().away(path, others[:2]) is None
    assert SourceWatch().away(path, [*others, str(tmp_path / "neighbour")]) is None


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.ENODEV, errno.ENOTCONN])
def test_errors_of_the_share_are_the_shares(share: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def stale(path: object) -> os.stat_result:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr("engine.stages.source.os.stat", stale)
    answer = watch_after(share, "r1/0.jp2").away(str(share / "r2" / "1.jp2"))
    assert os.strerror(code) in (answer or "")


def test_an_error_of_one_file_only_is_not_the_shares(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def stale(path: str) -> os.stat_result:
        if path.endswith("r2/1.jp2"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path)

    monkeypatch.setattr("engine.stages.source.os.stat", stale)
    assert watch_after(share, "r1/0.jp2").away(str(share / "r2" / "1.jp2")) is None
