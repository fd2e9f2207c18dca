"""A delivered object is replaced only if a person says so, and only if it is still that one; any other one stays."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from engine.failures import Cause
from engine.messages import FaultKind, StoreRequest
from engine.store.base import Store
from engine.store.local import LocalStore
from engine.store.local_files import exchange
from engine.store.retry import Backoff, with_retries
from engine.store.s3 import S3Store
from engine.store.s3_client import S3Limits
from tests.support.s3_relay import Fault, Kind, Relay, Request
from tests.support.seaweed import BUCKET, Seaweed, settings_for
from tests.support.staged_jpegs import MakeRequest, make_request, store_error_of

TARGET = "plates/uuid/1.jpg"
Write = Callable[[bytes], None]


@pytest.fixture(params=["local", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Store, Callable[[], dict[str, bytes]], Write]]:
    """A store, what is in it, and how somebody else writes the object."""
    if request.param == "local":
        root = tmp_path / "out"

        def theirs(data: bytes) -> None:
            (root / TARGET).parent.mkdir(parents=True, exist_ok=True)
            (root / TARGET).unlink(missing_ok=True)
            (root / TARGET).write_bytes(data)

        yield LocalStore(root), lambda: _files(root), theirs
        return
    seaweed: Seaweed = request.getfixturevalue("seaweed")
    prefix: str = request.getfixturevalue("prefix")
    request.getfixturevalue("s3_credentials")
    store = S3Store(
        settings_for(seaweed.endpoint, prefix), S3Limits(multipart_bytes=5 << 20, part_bytes=5 << 20)
    )

    def put(data: bytes) -> None:
        seaweed.client().put_object(Bucket=BUCKET, Key=prefix + TARGET, Body=data)

    yield store, lambda: seaweed.contents(prefix), put
    store.close()


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def md5_of(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_the_delivered_object_is_replaced_and_no_other_one(
    place: tuple[Store, Callable[[], dict[str, bytes]], Write], tmp_path: Path, size_bytes: int
) -> None:
    store, contents, theirs = place
    first = make_request(tmp_path / "one", TARGET, size_bytes)
    store.put(first)
    second = structs.replace(make_request(tmp_path / "two", TARGET, size_bytes + 7), may_replace=(first.md5,))
    assert not store.put(second).existed
    assert contents() == {TARGET: Path(second.scratch_path).read_bytes()}
    assert store.put(second).existed, "the reply was lost, or the engine was killed"
    third = structs.replace(
        make_request(tmp_path / "three", TARGET, size_bytes), may_replace=(first.md5, second.md5)
    )
    assert not store.put(third).existed, "an attempt that was not recorded has put the second"
    theirs(b"somebody else's")
    fault = store_error_of(lambda: store.put(second))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    assert "not that of the JPEG that was to be replaced" in fault.failure.message
    assert contents() == {TARGET: b"somebody else's"}


def test_an_object_that_is_gone_is_put_anew(
    place: tuple[Store, Callable[[], dict[str, bytes]], Write], request_for: MakeRequest
) -> None:
    store, contents, _ = place
    request = structs.replace(request_for(TARGET), may_replace=("0" * 32,))
    assert not store.put(request).existed
    assert {*contents()} == {TARGET}


def test_a_new_jpeg_that_is_not_what_was_proved_replaces_nothing(
    place: tuple[Store, Callable[[], dict[str, bytes]], Write], request_for: MakeRequest
) -> None:
    store, contents, theirs = place
    theirs(b"delivered")
    request = structs.replace(request_for(TARGET), may_replace=(md5_of(b"delivered"),))
    Path(request.scratch_path).write_bytes(b"x" * request.jpeg_bytes)
    assert store_error_of(lambda: store.put(request)).failure.cause is Cause.PROOF_FAILED
    assert contents() == {TARGET: b"delivered"}


def test_somebody_who_writes_meanwhile_is_not_overwritten(
    place: tuple[Store, Callable[[], dict[str, bytes]], Write],
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the look, and before the new object is named."""
    store, contents, theirs = place
    theirs(b"delivered")
    request = structs.replace(request_for(TARGET), may_replace=(md5_of(b"delivered"),))
    if isinstance(store, LocalStore):
        monkeypatch.setattr("engine.store.local.sync_file", lambda file: theirs(b"theirs"))
    else:
        assert isinstance(store, S3Store)
        look = store._find

        def look_and_lose(key: str, request: StoreRequest) -> Any:
            found = look(key, request)
            theirs(b"theirs")
            return found

        monkeypatch.setattr(store, "_find", look_and_lose)
    store_error_of(lambda: store.put(request))
    assert contents() == {TARGET: b"theirs"}


@pytest.mark.skipif(sys.platform != "linux", reason="exchanging two names in one step is Linux's")
@pytest.mark.parametrize(
    ("theirs", "later"),
    [(b"theirs", None), (b"", None), (b"theirs", b"once more"), (b"theirs", b"")],
    ids=["written", "taken away", "written twice", "written, and then taken away"],
)
def test_the_moment_between_the_last_look_and_the_naming_is_nobodys_loss(
    tmp_path: Path,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    theirs: bytes,
    later: bytes | None,
) -> None:
    """Before the first exchange and before the second one; no bytes are a file that is taken away."""
    store, path = LocalStore(tmp_path / "out"), tmp_path / "out" / TARGET
    path.parent.mkdir(parents=True)
    path.write_bytes(b"delivered")
    request = structs.replace(request_for(TARGET), may_replace=(md5_of(b"delivered"),))
    writes = [theirs, later]

    def too_late(*names: Any) -> bool:
        if writes and (written := writes.pop(0)) is not None:
            path.unlink()
            if written:
                path.write_bytes(written)
        return exchange(*names)

    monkeypatch.setattr("engine.store.local_replacing.exchange", too_late)
    if not theirs:
        assert not store.put(request).existed
        assert _files(tmp_path / "out") == {TARGET: Path(request.scratch_path).read_bytes()}
    else:
        assert store_error_of(lambda: store.put(request)).failure.cause is Cause.STORE_MISMATCH
        assert _files(tmp_path / "out") == {TARGET: later or theirs}


def test_a_file_system_that_cannot_exchange_names_has_the_look_just_before(
    tmp_path: Path, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = LocalStore(tmp_path / "out"), tmp_path / "out" / TARGET
    path.parent.mkdir(parents=True)
    path.write_bytes(b"delivered")
    request = structs.replace(request_for(TARGET), may_replace=(md5_of(b"delivered"),))
    monkeypatch.setattr("engine.store.local_replacing.exchange", lambda *names: False)
    assert not store.put(request).existed
    assert _files(tmp_path / "out") == {TARGET: Path(request.scratch_path).read_bytes()}


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
@pytest.mark.parametrize(
    "fault",
    [Fault(Kind.LOSE_REPLY), Fault(Kind.REPLY, 501, "NotImplemented"), Fault(Kind.DROP_ETAG)],
    ids=["the reply is lost", "If-Match is refused", "no ETag"],
)
def test_a_bucket_s_object_is_replaced_whatever_becomes_of_the_reply(
    relay: Relay,
    seaweed: Seaweed,
    s3_credentials: None,
    prefix: str,
    tmp_path: Path,
    fault: Fault,
    size_bytes: int,
) -> None:
    limits = S3Limits(multipart_bytes=5 << 20, part_bytes=5 << 20)
    store = S3Store(settings_for(relay.endpoint, prefix), limits)
    first = make_request(tmp_path / "one", TARGET, size_bytes)
    store.put(first)
    left = [fault]

    def once(request: Request) -> Fault | None:
        is_last = request.method in ("PUT", "POST") and "if-match" in request.headers
        return left.pop() if left and is_last else None

    relay.choose_fault = once
    second = structs.replace(make_request(tmp_path / "two", TARGET, size_bytes), may_replace=(first.md5,))
    with_retries(lambda: store.put(second), Backoff(), lambda: 0.0)
    assert left == [], "the condition was sent"
    assert seaweed.contents(prefix) == {TARGET: Path(second.scratch_path).read_bytes()}
    assert seaweed.unfinished_uploads(prefix) == []
    store.close()
