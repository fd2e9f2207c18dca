"""The S3 store against a real server: what is stored is right, confirmed, and never replaces another's object."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from engine.config import StoreSettings
from engine.failures import Cause, UserError
from engine.messages import FaultKind, KnownStore
from engine.store.base import Store
from engine.store.open import open_store
from engine.store.s3 import S3Store
from engine.store.s3_client import S3Limits, addressing, parse_url
from engine.store.s3_upload import Upload
from tests.support.seaweed import ACCESS_KEY, BUCKET, SECRET_KEY, Seaweed, settings_for
from tests.support.staged_jpegs import MakeRequest, store_error_of
from tests.support.waiting import LONGEST_WAIT_S

SMALL = S3Limits(
    multipart_bytes=5 << 20,
    part_bytes=5 << 20,
    in_memory_bytes=200_000,
    connect_timeout_s=2,
    read_timeout_s=10,
)


@pytest.fixture
def store(seaweed: Seaweed, prefix: str) -> Iterator[Store]:
    store = S3Store(settings_for(seaweed.endpoint, prefix), SMALL)
    yield store
    store.close()


@pytest.mark.parametrize("size_bytes", [1, 10_000, 300_000, 6 << 20], ids=["byte", "memory", "file", "parts"])
def test_the_bytes_arrive_and_are_confirmed(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest, size_bytes: int
) -> None:
    request = request_for(size_bytes=size_bytes)
    assert not store.put(request).existed
    assert hashlib.md5(seaweed.contents(prefix)[request.target]).hexdigest() == request.md5
    assert store.digest(request.target) == request.md5
    out = io.BytesIO(b"of an earlier attempt" * 1000)
    assert store.fetch(request.target, out) == request.md5
    assert out.getvalue() == seaweed.contents(prefix)[request.target]
    assert store.fetch("b/u/nothing.jpg", out) is None
    assert seaweed.unfinished_uploads(prefix) == []


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_an_identical_object_is_done_without_a_transfer(
    store: Store, request_for: MakeRequest, size_bytes: int
) -> None:
    request = request_for(size_bytes=size_bytes)
    store.put(request)
    Path(request.scratch_path).unlink()
    assert store.put(request).existed


@pytest.mark.parametrize("theirs", [b"x" * 10_000, b"short", b"", b"y" * (6 << 20)])
def test_a_different_object_is_a_mismatch_and_stays(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest, theirs: bytes
) -> None:
    request = request_for(size_bytes=10_000)
    seaweed.client().put_object(Bucket=BUCKET, Key=prefix + request.target, Body=theirs)
    fault = store_error_of(lambda: store.put(request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    assert seaweed.contents(prefix) == {request.target: theirs}


def test_a_record_id_that_is_too_long_for_metadata_is_left_out_with_a_warning(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    request = structs.replace(request_for(), record="Ж" * 440)
    (warning,) = store.put(request).warnings
    assert "photostat-record" in warning
    head = seaweed.client().head_object(Bucket=BUCKET, Key=prefix + request.target)
    assert head["Metadata"]["photostat-md5"] == request.md5
    assert "photostat-record" not in head["Metadata"]


def test_content_type_and_metadata_travel_with_the_object(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    request = structs.replace(request_for(), record='Č 12 % "ü"', uuid="0b1c", source_digest="sha1:77")
    store.put(request)
    head = seaweed.client().head_object(Bucket=BUCKET, Key=prefix + request.target)
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"] == {
        "photostat-record": "%C4%8C%2012%20%25%20%22%C3%BC%22",
        "photostat-uuid": "0b1c",
        "photostat-source": "sha1:77",
        "photostat-md5": request.md5,
    }


@pytest.mark.parametrize("target", ["b/u/ä ö.jpg", "b/u/50% + #1?.jpg", "b/u/'q' \"d\".jpg", "b/u/日本.jpg"])
def test_names_arrive_as_they_are(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest, target: str
) -> None:
    store.put(request_for(target))
    assert list(seaweed.contents(prefix)) == [target]
    assert [found.key for found in store.list()] == [target]


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_a_scratch_file_that_changed_is_never_stored(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest, size_bytes: int
) -> None:
    request = request_for(size_bytes=size_bytes)
    with Path(request.scratch_path).open("r+b") as file:
        file.seek(5000)
        file.write(b"changed")
    fault = store_error_of(lambda: store.put(request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.PROOF_FAILED)
    Path(request.scratch_path).unlink()
    assert store_error_of(lambda: store.put(request)).failure.cause is Cause.PROOF_FAILED
    assert seaweed.contents(prefix) == {}


def test_parts_a_killed_uploader_left_are_aborted(
    store: Store, seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    client, request = seaweed.client(), request_for(size_bytes=6 << 20)
    ours, others = prefix + request.target, prefix + "somebody/elses.bin"
    for key in (ours, ours, others):
        begun = client.create_multipart_upload(Bucket=BUCKET, Key=key)
        client.upload_part(Bucket=BUCKET, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"x" * 100)
    store.put(request)
    assert seaweed.unfinished_uploads(prefix) == [others]


@pytest.mark.parametrize("checksum", ["auto", "when_required"])
@pytest.mark.parametrize("size_bytes", [10_000, 300_000, 6 << 20], ids=["memory", "file", "parts"])
def test_https_with_and_without_the_checksum_header(
    https_seaweed: Seaweed, prefix: str, request_for: MakeRequest, checksum: str, size_bytes: int
) -> None:
    store = S3Store(settings_for(https_seaweed.endpoint, prefix, checksum=checksum), SMALL)
    request = request_for(size_bytes=size_bytes)
    assert not store.put(request).existed
    assert hashlib.md5(https_seaweed.contents(prefix)[request.target]).hexdigest() == request.md5


def test_an_untrusted_certificate_is_the_configurations_fault(
    https_seaweed: Seaweed, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    fault = store_error_of(S3Store(settings_for(https_seaweed.endpoint, prefix), SMALL).probe)
    assert fault.fault is FaultKind.CONFIGURATION
    assert "certificate" in fault.failure.message.lower()


def test_the_listing_streams_over_pages_with_sizes_and_digests(
    store: Store, seaweed: Seaweed, prefix: str
) -> None:
    client = seaweed.client()
    for number in range(1050):
        client.put_object(Bucket=BUCKET, Key=f"{prefix}b/{number:04}.jpg", Body=b"x" * (number % 7))
    listed = list(store.list())
    assert [found.key for found in listed] == [f"b/{number:04}.jpg" for number in range(1050)]
    assert {found.size_bytes for found in listed} == set(range(7))
    assert listed[1].md5 == hashlib.md5(b"x").hexdigest()
    assert [found.key for found in store.list("b/104")] == [f"b/104{n}.jpg" for n in range(10)]


def test_the_check_tries_the_store_out_and_leaves_nothing(
    store: Store, seaweed: Seaweed, prefix: str
) -> None:
    store.probe()
    store.write_probe()
    store.write_probe()
    assert seaweed.contents(prefix) == {}


def test_a_missing_bucket_and_wrong_credentials_are_the_configurations_fault(
    seaweed: Seaweed, prefix: str, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = S3Store(
        structs.replace(settings_for(seaweed.endpoint, prefix), url="s3://no-such-bucket/x"), SMALL
    )
    for action in (missing.probe, missing.write_probe, lambda: missing.put(request_for())):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert "NoSuchBucket" in fault.failure.message
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret-key")
    denied = S3Store(settings_for(seaweed.endpoint, prefix), SMALL)
    for action in (denied.probe, denied.write_probe, lambda: denied.put(request_for())):
        fault = store_error_of(action)
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_DENIED)
        assert "credentials" in fault.failure.remedy
        assert "a-wrong-secret-key" not in f"{fault} {fault.failure}"


def test_corrected_credentials_are_read_without_a_restart(
    seaweed: Seaweed, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(secret: str) -> None:
        text = f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {secret}\n"
        (tmp_path / "credentials").write_text(text)

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    store = S3Store(settings_for(seaweed.endpoint, prefix), SMALL)
    assert store_error_of(store.probe).failure.cause is Cause.STORE_DENIED
    write("not-the-right-one")
    assert store_error_of(store.probe).failure.cause is Cause.STORE_DENIED
    write(SECRET_KEY)
    store.probe()


def test_no_credentials_at_all_say_so(seaweed: Seaweed, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    fault = store_error_of(S3Store(settings_for(seaweed.endpoint, prefix), SMALL).probe)
    assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_DENIED)
    assert "AWS_ACCESS_KEY_ID" in fault.failure.remedy


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:1", FaultKind.TRANSIENT),
        ("http://photostat-nowhere.invalid", FaultKind.CONFIGURATION),
        ("not a url", FaultKind.CONFIGURATION),
    ],
)
@pytest.mark.usefixtures("seaweed")
def test_endpoints_without_an_answer(endpoint: str, expected: FaultKind) -> None:
    fault = store_error_of(S3Store(settings_for(endpoint, "p"), SMALL).probe)
    assert fault.fault is expected


def test_an_objects_first_bytes_are_read(store: Store, request_for: MakeRequest) -> None:
    request = request_for()
    store.put(request)
    content = Path(request.scratch_path).read_bytes()
    assert store.read(request.target, 100) == content[:100]
    assert store.read(request.target, len(content) + 1) == content
    assert store.read("nothing/there.jpg", 100) is None


def test_urls_are_read_or_refused() -> None:
    assert (parse_url("s3://b").bucket, parse_url("s3://b").prefix) == ("b", "")
    assert parse_url("s3://b/p/q/").prefix == "p/q/"
    for url in ("s3:b", "s3://", "s3://user:pass@b/p", "s3://b/p?x=1", "ftp://b", "s3", "/out"):
        with pytest.raises(UserError) as caught:
            open_store(StoreSettings(url=url), Path(), KnownStore())
        assert "pass" not in str(caught.value)


def test_the_path_style_is_taken_at_endpoints_that_are_not_amazons() -> None:
    assert addressing(StoreSettings()) == "auto"
    assert addressing(StoreSettings(endpoint="https://s3.example.org")) == "path"
    assert addressing(StoreSettings(endpoint="https://s3.eu-west-1.amazonaws.com")) == "auto"
    assert addressing(StoreSettings(endpoint="https://s3.example.org", addressing="virtual")) == "virtual"


def test_two_hosts_may_try_the_store_out_at_the_same_time(
    seaweed: Seaweed, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = "0123456789abcdef"
    one, other = (
        S3Store(settings_for(seaweed.endpoint, prefix), SMALL, owner, host) for host in ("", "conv-2")
    )
    read_back = S3Store._read_back

    def after_the_other(store: S3Store, key: str) -> Any:
        if store is one:
            assert other.write_probe().is_proof  # from its first step to its last, which deletes
        return read_back(store, key)

    monkeypatch.setattr(S3Store, "_read_back", after_the_other)
    assert one.write_probe().is_proof
    assert seaweed.contents(prefix) == {}
    one.close()
    other.close()


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_two_hosts_that_put_the_same_image_at_once_store_it_once_and_each_is_told_so(
    seaweed: Seaweed,
    prefix: str,
    request_for: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    size_bytes: int,
) -> None:
    both = [S3Store(settings_for(seaweed.endpoint, prefix), SMALL, "0123456789abcdef", name) for name in "bc"]
    request = request_for(size_bytes=size_bytes)
    at_once, conditionally = threading.Barrier(2, timeout=LONGEST_WAIT_S), Upload._conditionally
    there: set[Upload] = set()

    def after_both_found_nothing(upload: Upload, *args: Any) -> Any:
        if upload not in there:  # else it tries again
            there.add(upload)
            at_once.wait()
        return conditionally(upload, *args)

    monkeypatch.setattr(Upload, "_conditionally", after_both_found_nothing)
    with ThreadPoolExecutor() as threads:
        put = list(threads.map(lambda store: store.put(request), both))
    if size_bytes < SMALL.multipart_bytes:  # of parts SeaweedFS completes both; their bytes are the same
        assert sorted(one.existed for one in put) == [False, True]
    assert hashlib.md5(seaweed.contents(prefix)[request.target]).hexdigest() == request.md5
    assert seaweed.unfinished_uploads(prefix) == []
    for store in both:
        store.close()
