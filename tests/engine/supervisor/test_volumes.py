"""Free space of store, scratch and ledger: known without waiting for a file system that hangs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from engine.supervisor import volumes
from engine.supervisor.volumes import ComingBytes, Volumes, look
from engine.workspace import Workspace
from tests.support.waiting import wait_until

NOTHING = ComingBytes(0, 0, 0)


def of(
    watched: Volumes, name: VolumeName, coming: ComingBytes = NOTHING, later_s: float = 0
) -> VolumeSnapshot:
    found = watched.snapshot(time.monotonic() + later_s, coming)
    assert [volume.name for volume in found] == list(VolumeName)
    return next(volume for volume in found if volume.name is name)


def test_the_rest_of_the_run_is_compared_with_the_space_of_all_that_is_on_one_volume(tmp_path: Path) -> None:
    watched = Volumes(dict.fromkeys(VolumeName, tmp_path / "not" / "there" / "yet"))
    watched.open()
    wait_until(
        lambda: all(volume.free for volume in watched.snapshot(time.monotonic(), NOTHING)), "the space"
    )
    store = of(watched, VolumeName.STORE, ComingBytes(1000, 5_000_000, 2_000_000))
    assert store.needed == 10_000_000 and store.enough is True and store.problem == ""
    assert 0 < (store.free or 0) <= (store.total or 0)
    full = of(watched, VolumeName.LEDGER, ComingBytes(1, 1 << 52, 0))
    assert full.enough is False
    unknown = of(watched, VolumeName.SCRATCH, ComingBytes(1, None, 5))
    assert (unknown.needed, unknown.enough) == (None, None)
    watched.close()


def test_a_file_system_that_hangs_is_named_and_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def hanging(path: Path) -> object:
        if path.name == "store":
            answers.wait()
        return look(path)

    monkeypatch.setattr(volumes, "look", hanging)
    watched = Volumes({VolumeName.STORE: tmp_path / "store", VolumeName.LEDGER: tmp_path})
    watched.open()
    wait_until(lambda: of(watched, VolumeName.LEDGER).free, "the one that answers")
    assert of(watched, VolumeName.STORE).problem == "not known yet"
    assert of(watched, VolumeName.STORE, later_s=45).problem == "no answer for 45 s"
    watched.close()
    answers.set()


def test_a_store_that_is_no_directory_has_no_free_space(tmp_path: Path) -> None:
    (tmp_path / "photostat.toml").write_text('[store]\nurl = "s3://bucket"\n')
    workspace = Workspace(tmp_path)
    watched = Volumes(volumes.volume_paths(workspace, workspace.config()))
    store = of(watched, VolumeName.STORE)
    assert (store.free, store.enough) == (None, None)
    assert store.problem == "an S3 store does not say how much it can take"
