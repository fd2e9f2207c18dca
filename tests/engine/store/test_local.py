"""The local store: files appear whole or not at all, and nothing is ever replaced."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.config import StoreSettings, file_path
from engine.failures import Cause
from engine.messages import FaultKind, StoreRequest
from engine.store.local import LocalStore
from engine.store.local_files import is_left_behind, is_partial, partial_name, rename_without_replacing
from engine.store.open import open_store
from tests.support.staged_jpegs import MakeRequest, make_request, store_error_of


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "out")


def files(root: Path) -> dict[str, str]:
    """Everything below with its MD5, hidden files included."""
    return {
        str(path.relative_to(root)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def fail_with(code: int) -> Callable[..., Any]:
    def fail(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture(params=["linked", "copied", "renamed", "looked first"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every way a file gets its name: the scratch file linked; copied and linked; renamed where there are no
    links; and where the kernel cannot rename without replacing either."""
    if request.param != "linked":
        monkeypatch.setattr(LocalStore, "_link_scratch", lambda *args: False)
    if request.param in ("renamed", "looked first"):
        monkeypatch.setattr("engine.store.local.os.link", fail_with(errno.EPERM))
    if request.param == "looked first":
        monkeypatch.setattr("engine.store.local_files.sys.platform", "another")
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_the_bytes_arrive(store: LocalStore, request_for: MakeRequest) -> None:
    request = request_for("b/u/ä 1.jpg", 3_000_000)
    assert not store.put(request).existed
    assert files(store.root) == {"b/u/ä 1.jpg": request.md5}
    assert store.digest("b/u/ä 1.jpg") == request.md5
    assert store.digest("b/u/2.jpg") is None
    mask = os.umask(0)
    os.umask(mask)
    assert (store.root / "b/u/ä 1.jpg").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.usefixtures("way")
def test_an_identical_file_is_done_and_a_different_one_stays(
    store: LocalStore, request_for: MakeRequest
) -> None:
    request = request_for()
    store.put(request)
    assert store.put(request).existed
    for other in (request_for(image_id=2), request_for(size_bytes=5, image_id=3)):
        fault = store_error_of(partial(store.put, other))
        assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    assert files(store.root) == {request.target: request.md5}


@pytest.mark.usefixtures("way")
def test_someone_who_is_faster_is_not_overwritten(
    store: LocalStore, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is taken after we looked and before ours is given it."""
    request = request_for()
    prepare = store._prepare

    def prepare_and_lose(directory: Path) -> None:
        prepare(directory)
        (directory / "1.jpg").write_bytes(b"theirs")

    monkeypatch.setattr(store, "_prepare", prepare_and_lose)
    assert store_error_of(lambda: store.put(request)).failure.cause is Cause.STORE_MISMATCH
    assert files(store.root) == {request.target: hashlib.md5(b"theirs").hexdigest()}


@pytest.mark.usefixtures("way")
def test_a_scratch_file_that_changed_is_never_stored(store: LocalStore, request_for: MakeRequest) -> None:
    request = request_for()
    store.put(request_for("plates/uuid/0.jpg", image_id=0))
    for changed in (b"", b"x" * 9_999, b"x" * 10_000, b"x" * 10_001):
        Path(request.scratch_path).write_bytes(changed)
        fault = store_error_of(lambda: store.put(request))
        assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.PROOF_FAILED)
    Path(request.scratch_path).unlink()
    assert store_error_of(lambda: store.put(request)).failure.cause is Cause.PROOF_FAILED
    assert list(files(store.root)) == ["plates/uuid/0.jpg"]


def test_an_identical_file_needs_no_scratch(store: LocalStore, request_for: MakeRequest) -> None:
    request = request_for()
    store.put(request)
    Path(request.scratch_path).unlink()
    assert store.put(request).existed


@pytest.mark.parametrize(
    ("code", "fault", "cause"),
    [
        (errno.ENOSPC, FaultKind.TRANSIENT, Cause.DISK_FULL),
        (errno.EDQUOT, FaultKind.TRANSIENT, Cause.DISK_FULL),
        (errno.EACCES, FaultKind.CONFIGURATION, Cause.STORE_DENIED),
        (errno.EROFS, FaultKind.CONFIGURATION, Cause.STORE_DENIED),
        (errno.EIO, FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE),
        (errno.ESTALE, FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE),
        (errno.ENAMETOOLONG, FaultKind.ITEM, Cause.STORE_DENIED),
    ],
)
def test_errors_while_writing_are_classified_and_leave_nothing(
    store: LocalStore,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    fault: FaultKind,
    cause: Cause,
) -> None:
    monkeypatch.setattr(LocalStore, "_link_scratch", lambda *args: False)
    monkeypatch.setattr("engine.store.local._write", fail_with(code))
    found = store_error_of(lambda: store.put(request_for()))
    assert (found.fault, found.failure.cause) == (fault, cause)
    assert files(store.root) == {}


def test_a_name_the_file_system_cannot_hold_is_the_images_fault(
    store: LocalStore, request_for: MakeRequest
) -> None:
    fault = store_error_of(lambda: store.put(request_for(f"b/u/{'x' * 300}.jpg")))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_DENIED)


def test_a_file_where_a_directory_should_be_is_a_mismatch(
    store: LocalStore, request_for: MakeRequest
) -> None:
    store.root.mkdir()
    (store.root / "b").write_bytes(b"a file")
    assert store_error_of(lambda: store.put(request_for("b/u/1.jpg"))).failure.cause is Cause.STORE_MISMATCH
    (store.root / "c/u/1.jpg").mkdir(parents=True)
    assert store_error_of(lambda: store.put(request_for("c/u/1.jpg"))).failure.cause is Cause.STORE_MISMATCH


@pytest.mark.parametrize("target", ["../1.jpg", "/etc/1.jpg", "b//1.jpg", "b/./1.jpg", "b/\0.jpg", ""])
def test_no_target_leads_out_of_the_store(store: LocalStore, request_for: MakeRequest, target: str) -> None:
    request = replace(request_for(), target=target)
    assert store_error_of(lambda: store.put(request)).fault is FaultKind.ITEM


def test_a_volume_that_is_not_mounted_is_not_written_below(tmp_path: Path, request_for: MakeRequest) -> None:
    store = LocalStore(tmp_path / "mnt" / "volume" / "out")
    for action in (store.probe, store.write_probe, lambda: store.put(request_for())):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert "mounted" in fault.failure.message
    assert not (tmp_path / "mnt").exists()


def test_an_empty_directory_that_should_be_full_is_not_filled_anew(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    store = LocalStore(tmp_path / "out", 12)
    for is_there in (False, True):
        if is_there:
            (tmp_path / "out").mkdir()
        for action in (store.probe, store.write_probe, lambda: store.put(request_for())):
            fault = store_error_of(action)
            assert fault.fault is FaultKind.CONFIGURATION
            assert "12 images should be there" in fault.failure.message
    (tmp_path / "out" / "plates").mkdir()
    (tmp_path / "out" / "plates" / "0.jpg").touch()
    store.write_probe()
    assert not store.put(request_for()).existed


def test_a_volume_that_goes_away_midway_is_noticed(
    store: LocalStore, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(request_for())
    monkeypatch.setattr(store, "_device", -1)
    fault = store_error_of(lambda: store.put(request_for("b/u/2.jpg", image_id=2)))
    assert (fault.fault, fault.failure.cause) == (FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE)
    assert store_error_of(store.probe).fault is FaultKind.TRANSIENT


def test_a_representation_that_was_deleted_behind_our_back_is_made_again(
    store: LocalStore, request_for: MakeRequest
) -> None:
    store.put(request_for("b/u/1.jpg"))
    shutil.rmtree(store.root / "b")
    again = request_for("b/u/2.jpg", image_id=2)
    store.put(again)
    assert files(store.root) == {"b/u/2.jpg": again.md5}


def test_what_a_killed_uploader_left_is_removed_and_what_a_live_one_writes_is_not(
    store: LocalStore, request_for: MakeRequest
) -> None:
    directory = store.root / "plates" / "uuid"
    directory.mkdir(parents=True)
    ours = partial_name()
    dead = ours.replace(f"-{os.getpid()}-", "-4194305-")  # above Linux's largest pid
    live = ours.replace(f"-{os.getpid()}-", f"-{os.getppid()}-")
    for name in (dead, live, ".photostat-notes.txt"):
        (directory / name).write_bytes(b"x")
    request = request_for()
    store.put(request)
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        [live, ".photostat-notes.txt", "1.jpg"]
    )
    assert [found.key for found in store.list()] == ["plates/uuid/.photostat-notes.txt", "plates/uuid/1.jpg"]


def test_partial_names_are_told_apart() -> None:
    assert is_partial(partial_name())
    assert len(partial_name()) < 120
    assert not is_partial("1.jpg")
    elsewhere = ".photostat-elsewhere-12-0123456789abcdef.partial"
    assert not is_left_behind(elsewhere, modified=2e12)
    assert is_left_behind(elsewhere, modified=0)
    assert not is_left_behind("1.jpg", modified=0)


def test_trying_the_store_out_leaves_nothing(store: LocalStore) -> None:
    store.probe()
    assert not store.root.exists()
    store.write_probe()
    assert files(store.root) == {}


def test_a_file_system_that_does_not_keep_what_is_written_is_not_well(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: bytes(19))
    assert "has not kept what was written" in store_error_of(store.write_probe).failure.message
    assert files(store.root) == {}


def test_many_at_once_into_one_directory(store: LocalStore, tmp_path: Path) -> None:
    requests = [make_request(tmp_path / "scratch", f"b/u/{n % 100}.jpg", 1000, n) for n in range(200)]
    outcomes: list[str] = []

    def put(request: StoreRequest) -> None:
        try:
            store.put(request)
            outcomes.append("stored")
        except Exception as error:
            outcomes.append(type(error).__name__)
            if not hasattr(error, "failure"):
                raise

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, requests))
    assert (outcomes.count("stored"), outcomes.count("StoreError")) == (100, 100)
    by_md5 = {request.md5 for request in requests}
    assert len(files(store.root)) == 100
    assert set(files(store.root).values()) <= by_md5


def test_renaming_never_replaces(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    rename_without_replacing(old, new)
    old.write_bytes(b"another")
    with pytest.raises(FileExistsError):
        rename_without_replacing(old, new)
    assert new.read_bytes() == b"old"
    with pytest.raises(FileNotFoundError):
        rename_without_replacing(tmp_path / "nothing", tmp_path / "newer")


@pytest.mark.parametrize(
    ("url", "path"),
    [("file:out", "out"), ("file:/mnt/x", "/mnt/x"), ("file:///mnt/x", "/mnt/x"), ("file:../x y", "../x y")],
)
def test_urls_of_directories(tmp_path: Path, url: str, path: str) -> None:
    assert file_path(url) == path
    store = open_store(StoreSettings(url=url), tmp_path, 12)
    assert isinstance(store, LocalStore)
    assert store.root == tmp_path / path
