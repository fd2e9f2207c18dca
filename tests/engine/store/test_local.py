"""The local store: files appear whole or not at all, and nothing is ever replaced."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from engine.config import StoreSettings, file_path
from engine.failures import Cause
from engine.messages import FaultKind, KnownObject, KnownStore, StoreRequest
from engine.store.local import LocalStore
from engine.store.local_files import rename_without_replacing
from engine.store.open import open_store
from engine.store.partial_names import STALE_AFTER_S, is_left_behind, is_partial, partial_name
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
    out = io.BytesIO()
    assert store.fetch("b/u/ä 1.jpg", out) == request.md5
    assert out.getvalue() == (store.root / "b/u/ä 1.jpg").read_bytes()
    assert store.fetch("b/u/2.jpg", out) is None
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

    def look_and_lose(name: str, directory: int) -> bool:
        (store.root / request.target).write_bytes(b"theirs")
        return False

    monkeypatch.setattr("engine.store.local.is_taken", look_and_lose)
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
    monkeypatch.setattr("engine.store.local.write_whole", fail_with(code))
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
    request = structs.replace(request_for(), target=target)
    assert store_error_of(lambda: store.put(request)).fault is FaultKind.ITEM


def test_a_volume_that_is_not_mounted_is_not_written_below(tmp_path: Path, request_for: MakeRequest) -> None:
    store = LocalStore(tmp_path / "mnt" / "volume" / "out")
    for action in (store.probe, store.write_probe, lambda: store.put(request_for())):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert "mounted" in fault.failure.message
    assert not (tmp_path / "mnt").exists()


KNOWN = KnownStore(
    images=12, sample=(KnownObject("plates/0.jpg", 4), KnownObject("plates/1.jpg", 5), KnownObject("x", 6))
)


@pytest.mark.parametrize("there", [None, {}, {"NOT_MOUNTED": 0}, {"plates/0.jpg": 3}, {"plates/0.jpg/": 0}])
def test_a_directory_that_shows_nothing_that_the_ledger_knows_is_not_written_to(
    tmp_path: Path, request_for: MakeRequest, there: dict[str, int] | None
) -> None:
    store = LocalStore(tmp_path / "out", KNOWN)
    if there is not None:
        store.root.mkdir()
    for name, size_bytes in (there or {}).items():
        (store.root / name).parent.mkdir(exist_ok=True)
        if name.endswith("/"):
            (store.root / name).mkdir()
        else:
            (store.root / name).write_bytes(bytes(size_bytes))
    before = sorted(tmp_path.rglob("*"))
    actions = (store.probe, store.write_probe, lambda: store.put(request_for()), lambda: list(store.list()))
    for action in actions:
        fault = store_error_of(action)
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE)
        assert "shows none of the 12 images that should be there" in fault.failure.message
        assert all(name.partition("/")[0] in fault.failure.message for name in there or ())
    shutil.rmtree(tmp_path / "scratch")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_that_shows_one_of_the_files_is_the_store(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    store = LocalStore(tmp_path / "out", KNOWN)
    (store.root / "plates").mkdir(parents=True)
    assert store_error_of(store.write_probe).fault is FaultKind.CONFIGURATION
    (store.root / "plates" / "0.jpg").symlink_to("0.jpg")
    assert "shows none" in store_error_of(store.write_probe).failure.message
    (store.root / "plates" / "1.jpg").write_bytes(bytes(5))
    store.write_probe()
    assert not store.put(request_for()).existed
    assert len(list(store.list())) == 2


def test_a_file_system_that_cannot_tell_is_no_wrong_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "out", KNOWN)
    store.root.mkdir()
    monkeypatch.setattr("engine.store.local_root._is_there", fail_with(errno.ESTALE))
    fault = store_error_of(store.write_probe)
    assert (fault.fault, fault.failure.cause) == (FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE)
    assert store_error_of(store.overrule).fault is FaultKind.TRANSIENT


def test_a_person_overrules_what_they_have_seen_refused_and_nothing_else(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    store = LocalStore(tmp_path / "out", KNOWN)
    store.root.mkdir()
    assert "is empty" in store_error_of(store.overrule).failure.message  # nobody has been told of it yet
    store.root.rename(tmp_path / "away")
    assert (
        "is not there" in store_error_of(store.overrule).failure.message
    )  # another problem than a moment ago
    assert store.overrule()
    assert not store.overrule()
    assert not store.put(request_for()).existed
    store = LocalStore(tmp_path / "no" / "out", KNOWN)
    for _ in range(2):
        assert "no is not there: is the volume mounted?" in store_error_of(store.overrule).failure.message
    assert not (tmp_path / "no").exists()


def test_another_directory_under_the_name_must_show_what_was_stored(
    store: LocalStore, request_for: MakeRequest
) -> None:
    first, away = request_for("b/u/1.jpg"), store.root.with_name("away")
    store.put(first)
    store.root.rename(away)
    store.root.mkdir()
    (store.root / "NOT_MOUNTED").touch()
    for action in (store.probe, lambda: store.put(request_for("b/u/2.jpg", image_id=2))):
        fault = store_error_of(action)
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE)
        assert "NOT_MOUNTED" in fault.failure.message
    assert list(files(store.root)) == ["NOT_MOUNTED"]
    shutil.rmtree(store.root)
    shutil.copytree(away, store.root)  # the same files under other numbers
    assert not store.put(request_for("b/u/2.jpg", image_id=2)).existed
    assert sorted(files(store.root)) == ["b/u/1.jpg", "b/u/2.jpg"]


def test_what_is_no_directory_or_leads_nowhere_is_no_store(tmp_path: Path, request_for: MakeRequest) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(tmp_path / "mnt" / "out")
    for name, words in (("file", "no directory"), ("loop", "no directory"), ("link", "leads to")):
        store = LocalStore(tmp_path / name)
        for action in (store.probe, store.write_probe, partial(store.put, request_for()), store.overrule):
            fault = store_error_of(action)
            assert fault.fault is FaultKind.CONFIGURATION
            assert words in fault.failure.message


def leave_at(path: Path, what: str) -> None:
    """Something that is no JPEG of ours, under the name of a target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "link to nothing" | "loop":
            path.symlink_to(path if what == "loop" else path.parent / "nothing")
        case "FIFO":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(os.path.relpath(path))
        case "device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("what", ["link to nothing", "loop", "FIFO", "socket", "device", "directory"])
def test_whatever_has_the_name_of_one_target_is_that_images_mismatch(
    store: LocalStore, request_for: MakeRequest, what: str
) -> None:
    request = request_for()
    leave_at(store.root / request.target, what)
    before = os.lstat(store.root / request.target)
    fault = store_error_of(lambda: store.put(request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    assert os.lstat(store.root / request.target) == before
    assert not store.put(request_for("plates/uuid/2.jpg", image_id=2)).existed
    list(store.list())


def test_a_file_that_cannot_be_read_is_its_images_mismatch(
    store: LocalStore, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the error is made."""
    request = request_for()
    store.put(request)
    monkeypatch.setattr("engine.store.local.open_regular", fail_with(errno.EACCES))
    fault = store_error_of(lambda: store.put(request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    assert "cannot be read: Permission denied" in fault.failure.message


def test_a_directory_in_the_store_that_leads_nowhere_is_a_hold_that_its_probe_shows_too(
    store: LocalStore, request_for: MakeRequest, tmp_path: Path
) -> None:
    """It may be a link to another volume, with a whole batch on it."""
    store.root.mkdir()
    (store.root / "plates").symlink_to(tmp_path / "volume")
    for action in (lambda: store.put(request_for()), store.write_probe):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert "leads to nothing" in fault.failure.message
    (tmp_path / "volume").mkdir()
    store.write_probe()
    assert not store.put(request_for()).existed


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


def test_an_owners_files_are_removed_whoever_has_their_writers_number_and_no_others(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    store = LocalStore(tmp_path / "out", KnownStore("0123456789abcdef"))
    directory = store.root / "plates" / "uuid"
    directory.mkdir(parents=True)
    ours, theirs = (
        partial_name(owner).replace(f"-{os.getpid()}-", f"-{os.getppid()}-")
        for owner in ("0123456789abcdef", "fedcba9876543210")
    )
    for name in (ours, theirs):
        (directory / name).write_bytes(b"x")
    store.put(request_for())
    assert {path.name for path in directory.iterdir()} == {theirs, "1.jpg"}


def test_what_another_host_of_the_same_workspace_writes_is_left_alone_also_on_one_machine(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    owner, seen = "0123456789abcdef", set[str]()
    stores = {host: LocalStore(tmp_path / "out", KnownStore(owner, host=host)) for host in ("", "conv-2")}
    directory = tmp_path / "out" / "plates" / "uuid"
    directory.mkdir(parents=True)
    names = {host: partial_name(owner, host) for host in stores}
    for name in names.values():
        (directory / name).write_bytes(b"x")
    for number, (host, store) in enumerate(stores.items(), start=1):
        store.put(request_for(target=f"plates/uuid/{number}.jpg"))
        found = {path.name for path in directory.iterdir()}
        assert names[host] not in found, "its own uploader was killed: it has only one"
        assert all(name in found for other, name in names.items() if other not in seen | {host})
        seen.add(host)


def test_a_host_whose_clock_is_days_ahead_removes_nothing_that_another_one_writes(
    tmp_path: Path, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, directory = "0123456789abcdef", tmp_path / "out/plates/uuid"
    directory.mkdir(parents=True)
    written, left = directory / partial_name(owner, "conv-2"), directory / partial_name(owner, "conv-3")
    for path in (written, left):
        path.write_bytes(b"x")
    os.utime(left, (0, 0))
    monkeypatch.setattr(time, "time", lambda true=time.time: true() + 3 * STALE_AFTER_S)
    LocalStore(tmp_path / "out", KnownStore(owner)).put(request_for(target="plates/uuid/1.jpg"))
    assert {path.name for path in directory.iterdir()} == {written.name, "1.jpg"}


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
    monkeypatch.setattr("engine.store.local.holds", lambda *args: False)
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
    store = open_store(StoreSettings(url=url), tmp_path, KnownStore())
    assert isinstance(store, LocalStore)
    assert store.root == tmp_path / path
