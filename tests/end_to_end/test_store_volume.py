"""A local store on a volume: nothing is written, requeued or failed while another directory has its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from engine.failures import Cause
from engine.messages import FaultKind, KnownObject, KnownStore, StoreRequest
from engine.store.local import LocalStore
from engine.store.staged_file import proved_chunks
from tests.conftest import MakeWorkspace
from tests.support.command_line import COMMAND, photostat
from tests.support.engine_runs import (
    resume_worker,
    start_engine,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.staged_jpegs import MakeRequest, store_error_of
from tests.support.waiting import wait_until

IMAGES = 6
Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """`mount(path)` mounts an empty volume, `mount(path, from_path)` binds a directory; both go at the end."""
    mounted: list[Path] = []

    def make(path: Path, of: Path | None = None) -> None:
        path.mkdir(exist_ok=True)
        what = ["--bind", str(of)] if of else ["-t", "tmpfs", "-o", "size=64m", "tmpfs"]
        done = subprocess.run(["mount", *what, str(path)], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip("only root can mount volumes")
        mounted.append(path)

    yield make
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


def unmount(path: Path) -> None:
    subprocess.run(["umount", "-l", str(path)], check=True)


def held(root: Path) -> dict[str, Any] | None:
    document = status(root)
    hold = document["hold"]
    return hold if document["state"] == "holding" and hold["reason"] == "store" else None


def test_an_absent_volume_holds_everything_and_ends_by_itself_when_another_device_has_the_files(
    workspace: MakeWorkspace, mount: Mount, tmp_path: Path
) -> None:
    root = workspace(images=IMAGES, width=1000, height=800)
    out, first, second = root / "out", tmp_path / "first", tmp_path / "second"
    mount(first)
    mount(out, first)
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["totals"]["done"] >= 1, "a first image")
    busy = suspend_busy_worker(root)
    unmount(out)
    (out / "NOT_MOUNTED").touch()
    resume_worker(busy)
    detail = wait_until(lambda: held(root), "the hold")["detail"]
    assert "NOT_MOUNTED" in detail
    assert "Mount the volume" in detail
    photostat("stop", workspace=root)
    done = wait_for_end(root)["totals"]["done"]

    found = photostat("check", "--json", workspace=root, expect=1).json["store"]
    assert (found["cause"], "NOT_MOUNTED" in found["message"]) == ("store-unavailable", True)
    for more in ([], ["--requeue"], ["--json"], ["--requeue", "--json"]):
        refused = photostat("reconcile", *more, workspace=root, expect=2)
        assert refused.stdout == ""
        assert "Mount the volume" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
    start_engine(root, "--workers", "1")
    wait_until(lambda: held(root), "the hold of another engine")
    assert photostat("reconcile", "--requeue", workspace=root, expect=2).stdout == ""
    totals = status(root)["totals"]
    assert (totals["done"], totals["failed"]) == (done, 0)
    assert [path.name for path in out.rglob("*")] == ["NOT_MOUNTED"]

    mount(second)
    shutil.copytree(first, second, dirs_exist_ok=True)
    assert first.stat().st_dev != second.stat().st_dev
    mount(out, second)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (IMAGES, 0)
    assert len(list(second.rglob("*.jpg"))) == IMAGES
    unmount(out)
    assert [path.name for path in out.rglob("*")] == ["NOT_MOUNTED"]


def test_a_volume_that_was_there_at_the_start_is_missed_before_its_first_image(
    workspace: MakeWorkspace, mount: Mount
) -> None:
    root = workspace(images=2, width=1000, height=800)
    out = root / "out"
    mount(out)
    untouched = out.stat().st_mtime_ns
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    wait_until(lambda: out.stat().st_mtime_ns != untouched and not list(out.iterdir()), "the first look")
    unmount(out)
    resume_worker(busy)
    wait_until(lambda: held(root), "the hold")
    assert list(out.iterdir()) == []
    mount(out)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (2, 0)
    unmount(out)
    assert list(out.iterdir()) == []


def test_a_mount_point_of_this_machine_without_its_volume_holds_the_first_run(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    """With a mount table of its own, as another test may run meanwhile."""
    volume = tmp_path / "a volume"
    volume.mkdir()
    root = workspace(images=2, settings=f'[store]\nurl = "file:{volume}/out"\n')
    place = str(volume).replace(" ", "\\040")
    (tmp_path / "fstab").write_text(f"# volumes\nUUID=1 {place} ext4 noauto 0 2\n", encoding="utf-8")
    script = 'mount --bind "$1" /etc/fstab && shift && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path / "fstab"), *COMMAND, "-C", str(root)]
    started = subprocess.run([*command, "run", "--detach"], capture_output=True, check=False)
    if b"unshare" in started.stderr or b"mount:" in started.stderr:
        pytest.skip("only root can have a mount table of its own")
    detail = wait_until(lambda: held(root), "the hold")["detail"]
    assert f"is on {volume}, where /etc/fstab has a volume, and none is mounted there" in detail
    checked = subprocess.run([*command, "check", "--json"], capture_output=True, check=False)
    assert "none is mounted there" in json.loads(checked.stdout)["store"]["message"]
    assert list(volume.iterdir()) == []
    totals = status(root)["totals"]
    assert totals["pending"] + totals["in_flight"] == 2, "a JPEG may wait on scratch"
    pid = str(status(root)["engine"]["pid"])
    subprocess.run(["nsenter", "-m", "-t", pid, "mount", "-t", "tmpfs", "tmpfs", str(volume)], check=True)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (2, 0)
    assert list(volume.iterdir()) == []


def test_files_that_were_taken_away_on_purpose_are_overruled_by_a_resume_but_not_by_the_end_of_a_pause(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=5)
    photostat("run", "--headless", workspace=root)
    shutil.rmtree(root / "out")
    (root / "out").mkdir()
    sources = sorted((root / "source").rglob("*.jp2"))
    for source in sources[:2]:
        shutil.copy(source, source.with_name(f"again_{source.name}"))
    rows = (
        f"11111111-2222-4333-8444-555555555555,B,R,again_{source.stem}.tif,plates,"
        f"{source.with_name(f'again_{source.name}')}\n"
        for source in sources[:2]
    )
    (root / "more.csv").write_text("".join(rows), encoding="utf-8")
    photostat("add", root / "more.csv", "--batch", "more", workspace=root)
    start_engine(root)
    detail = wait_until(lambda: held(root), "the hold")["detail"]
    assert "shows none of the 5 images that should be there" in detail
    assert "photostat resume" in detail
    photostat("pause", workspace=root)
    photostat("resume", workspace=root)
    now = time.time()
    wait_until(lambda: (hold := held(root)) and hold["until"] > now + 1, "the hold, after another look")
    assert list((root / "out").iterdir()) == []
    photostat("resume", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (7, 0)
    assert len(list((root / "out").rglob("*.jpg"))) == 2
    compared = photostat("reconcile", "--json", workspace=root, expect=1).json
    assert (compared["missing"], compared["matching"]) == (5, 2)
    assert photostat("check", "--json", workspace=root).json["store"] is None


def test_a_collection_whose_store_is_lost_is_compared_and_requeued_if_a_person_says_so(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=3)
    photostat("run", "--headless", workspace=root)
    shutil.rmtree(root / "out")
    refused = photostat("reconcile", "--requeue", workspace=root, expect=2)
    assert "--lost" in refused.stderr
    compared = photostat("reconcile", "--requeue", "--lost", "--json", workspace=root, expect=1).json
    assert compared["missing"] == 3
    assert status(root)["totals"]["pending"] == 3
    photostat("run", "--headless", workspace=root)
    assert len(list((root / "out").rglob("*.jpg"))) == 3


def test_a_volume_that_is_unmounted_lazily_while_a_file_is_written_has_the_file_whole(
    mount: Mount, tmp_path: Path, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, out = tmp_path / "volume", tmp_path / "out"
    mount(volume)
    mount(out, volume)
    store, request = LocalStore(out), request_for()

    def chunks(file: BinaryIO, of: StoreRequest) -> Iterator[bytes]:
        unmount(out)
        yield from proved_chunks(file, of)

    monkeypatch.setattr("engine.store.local.proved_chunks", chunks)
    store.put(request)
    assert [path.name for path in volume.rglob("*") if path.is_file()] == ["1.jpg"]
    assert list(out.iterdir()) == []
    assert "none of the 1 image that should be there" in store_error_of(store.write_probe).failure.message


def test_without_a_stored_file_a_volume_may_come_and_not_go(mount: Mount, tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = LocalStore(out)
    store.write_probe()
    mount(out)
    store.write_probe()
    unmount(out)
    for action in (store.write_probe, store.probe):
        assert "is another directory than before (it is empty)" in store_error_of(action).failure.message
    mount(out)
    store.write_probe()


def test_a_volume_that_is_mounted_read_only_is_named_as_such_and_can_be_listed(
    mount: Mount, tmp_path: Path, request_for: MakeRequest
) -> None:
    out = tmp_path / "out"
    mount(out)
    LocalStore(out).put(request_for())
    subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
    store = LocalStore(out, KnownStore(images=1, sample=(KnownObject("plates/uuid/1.jpg", 10_000),)))
    for action in (store.probe, store.write_probe, lambda: store.put(request_for("b/u/2.jpg", image_id=2))):
        fault = store_error_of(action)
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_DENIED)
        assert "mounted read-only" in fault.failure.remedy
    assert [found.key for found in store.list()] == ["plates/uuid/1.jpg"]
    subprocess.run(["mount", "-o", "remount,rw", str(out)], check=True)
    store.write_probe()
    assert not store.put(request_for("b/u/2.jpg", image_id=2)).existed


def test_what_is_in_the_way_of_one_image_fails_that_image(workspace: MakeWorkspace) -> None:
    root = workspace(images=8)
    targets = [root / "out" / row["target"] for row in photostat("list", "--json", workspace=root).json]
    targets[0].parent.mkdir(parents=True)
    targets[0].symlink_to("nothing")
    targets[1].mkdir()
    os.mkfifo(targets[2])
    photostat("run", "--headless", workspace=root, expect=1)
    failures = photostat("failures", "--json", workspace=root).json
    assert [row["cause"] for row in failures] == ["store-mismatch"] * 3
    assert status(root)["totals"]["done"] == 5
    assert targets[0].is_symlink()
    assert targets[1].is_dir()
    assert targets[2].is_fifo()
