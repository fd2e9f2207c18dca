"""For every fault between here and the store: nothing lost, nothing doubled, nothing wrong in the bucket."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import structs

from engine.failures import Cause
from engine.messages import FaultKind, StoreRequest
from engine.store.base import Store
from engine.store.retry import Backoff, with_retries
from engine.store.s3 import S3Store
from engine.store.s3_client import S3Limits
from tests.support.s3_relay import SLOW_DOWN, Fault, Kind, Relay, Request
from tests.support.seaweed import Seaweed, settings_for
from tests.support.staged_jpegs import MakeRequest, make_request, store_error_of

QUICK = S3Limits(
    multipart_bytes=5 << 20,
    part_bytes=5 << 20,
    in_memory_bytes=200_000,
    connect_timeout_s=1,
    read_timeout_s=3,
)
SOON = Backoff(attempts=6, first_s=0.01, longest_s=0.05)
SIZES = pytest.mark.parametrize("size_bytes", [10_000, 300_000, 6 << 20], ids=["memory", "file", "parts"])
FAULTS = [
    Fault(Kind.REPLY, 503, "ServiceUnavailable"),
    Fault(Kind.REPLY, 500, "InternalError"),
    Fault(Kind.REPLY, 502, "BadGateway"),
    SLOW_DOWN,
    Fault(Kind.RESET),
    Fault(Kind.CUT),
    Fault(Kind.LOSE_REPLY),
    Fault(Kind.DELAY, seconds=0.2),
    Fault(Kind.CORRUPT),
    Fault(Kind.FORGE_ETAG),
]


@pytest.fixture
def store(relay: Relay, prefix: str) -> Iterator[Store]:
    store = S3Store(settings_for(relay.endpoint, prefix), QUICK)
    yield store
    store.close()


def put(store: Store, request: StoreRequest) -> bool:
    """As the uploader puts it, with its retries; whether the object was there already."""
    return with_retries(lambda: store.put(request), SOON, random.random).existed


def assert_stored(seaweed: Seaweed, prefix: str, *requests: StoreRequest) -> None:
    """Exactly these objects are in the bucket, with exactly their bytes, and nothing half sent."""
    digests = {key: hashlib.md5(data).hexdigest() for key, data in seaweed.contents(prefix).items()}
    assert digests == {request.target: request.md5 for request in requests}
    assert seaweed.unfinished_uploads(prefix) == []


@SIZES
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind.name.lower()}-{fault.code}")
def test_a_fault_in_a_put_costs_another_attempt(
    store: Store,
    seaweed: Seaweed,
    relay: Relay,
    prefix: str,
    request_for: MakeRequest,
    fault: Fault,
    size_bytes: int,
) -> None:
    request = request_for(size_bytes=size_bytes)
    relay.inject_once(fault)
    put(store, request)
    assert relay.injected == [fault]
    assert_stored(seaweed, prefix, request)


@pytest.mark.parametrize("method", ["HEAD", "POST"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind.name.lower()}-{fault.code}")
def test_a_fault_around_the_transfer_costs_another_attempt(
    store: Store,
    seaweed: Seaweed,
    relay: Relay,
    prefix: str,
    request_for: MakeRequest,
    fault: Fault,
    method: str,
) -> None:
    """HEAD asks and confirms; POST begins and completes a transfer in parts."""
    request = request_for(size_bytes=6 << 20)
    relay.inject_once(fault, fault, method=method)
    put(store, request)
    assert_stored(seaweed, prefix, request)


def test_a_completion_whose_reply_was_lost_is_ours(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for(size_bytes=6 << 20)
    posts: list[Request] = []

    def lose_the_second(asked: Request) -> Fault | None:
        if asked.method == "POST":
            posts.append(asked)
        return Fault(Kind.LOSE_REPLY) if asked.method == "POST" and len(posts) == 2 else None

    relay.choose_fault = lose_the_second
    assert put(store, request)
    assert_stored(seaweed, prefix, request)


def test_a_put_whose_reply_was_lost_is_ours_and_is_sent_once(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for()
    relay.inject_once(Fault(Kind.LOSE_REPLY))
    assert put(store, request)
    assert [seen.method for seen in relay.seen if seen.method in ("HEAD", "PUT")] == ["HEAD", "PUT", "HEAD"]
    assert_stored(seaweed, prefix, request)


def test_a_stalled_send_is_given_up_and_tried_again(
    seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for(size_bytes=10 << 20)
    store = S3Store(settings_for(relay.endpoint, prefix), structs.replace(QUICK, multipart_bytes=64 << 20))
    relay.inject_once(Fault(Kind.STALL, seconds=20))
    put(store, request)
    assert_stored(seaweed, prefix, request)


def test_a_slow_line_is_no_failure(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for(size_bytes=600_000)
    relay.inject_always(Fault(Kind.THROTTLE, bytes_per_s=1_000_000), method="PUT")
    assert not put(store, request)
    assert_stored(seaweed, prefix, request)


def test_if_every_etag_is_forged_the_bytes_decide(
    seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    store = S3Store(settings_for(relay.endpoint, prefix, checksum="when_required"), QUICK)
    request = request_for()
    relay.inject_always(Fault(Kind.FORGE_ETAG))
    assert not put(store, request)
    assert any(seen.method == "GET" and request.target in seen.path for seen in relay.seen)
    assert put(store, request)
    assert_stored(seaweed, prefix, request)


@SIZES
def test_a_body_corrupted_every_time_is_never_in_the_bucket(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest, size_bytes: int
) -> None:
    request = request_for(size_bytes=size_bytes)
    relay.inject_always(Fault(Kind.CORRUPT), method="PUT")
    fault = store_error_of(lambda: store.put(request))
    assert fault.fault is FaultKind.TRANSIENT
    assert_stored(seaweed, prefix)
    relay.forward_all()
    put(store, request)
    assert_stored(seaweed, prefix, request)


@SIZES
@pytest.mark.parametrize("status", [400, 411, 501])
def test_a_store_that_refuses_checksum_headers_is_answered_with_the_setting_to_change(
    seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest, size_bytes: int, status: int
) -> None:
    def refuse(asked: Request) -> Fault | None:
        checksums = any(name.startswith("x-amz-checksum") for name in asked.headers)
        return (
            Fault(Kind.REPLY, status, "InvalidChecksumHeader")
            if checksums and asked.method != "HEAD"
            else None
        )

    request = request_for(size_bytes=size_bytes)
    relay.choose_fault = refuse
    refused = S3Store(settings_for(relay.endpoint, prefix), QUICK)
    for action in (refused.write_probe, lambda: refused.put(request)):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert 'checksum = "when_required"' in fault.failure.remedy
    taken = S3Store(settings_for(relay.endpoint, prefix, checksum="when_required"), QUICK)
    taken.write_probe()
    assert not taken.put(request).existed
    assert_stored(seaweed, prefix, request)


@SIZES
@pytest.mark.parametrize(
    "refusal", [(501, "NotImplemented"), (400, "NotImplemented"), (400, "InvalidArgument")]
)
def test_a_store_without_conditional_puts_is_checked_before_each_put(
    store: Store,
    seaweed: Seaweed,
    relay: Relay,
    prefix: str,
    request_for: MakeRequest,
    size_bytes: int,
    refusal: tuple[int, str],
) -> None:
    def refuse(asked: Request) -> Fault | None:
        return Fault(Kind.REPLY, *refusal) if "if-none-match" in asked.headers else None

    relay.choose_fault = refuse
    request, another = request_for(size_bytes=size_bytes), request_for("b/u/2.jpg", size_bytes, image_id=2)
    assert not put(store, request)
    assert not put(store, another)
    assert len(relay.injected) == 1
    assert put(store, request)
    different = request_for(request.target, size_bytes, image_id=3)
    assert store_error_of(lambda: store.put(different)).failure.cause is Cause.STORE_MISMATCH
    assert_stored(seaweed, prefix, request, another)


def test_someone_who_is_faster_is_not_overwritten(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    """Between our HEAD and our put another object gets the name."""
    request = request_for()
    theirs = make_request(Path(request.scratch_path).parent, request.target, 10_000, image_id=2)
    direct = S3Store(settings_for(seaweed.endpoint, prefix), QUICK)

    def meanwhile(asked: Request) -> Fault | None:
        if asked.method == "PUT":
            direct.put(theirs)
        return None

    relay.choose_fault = meanwhile
    assert store_error_of(lambda: store.put(request)).failure.cause is Cause.STORE_MISMATCH
    assert_stored(seaweed, prefix, theirs)


def test_a_denied_store_is_the_configurations_fault_at_once(
    store: Store, relay: Relay, request_for: MakeRequest
) -> None:
    relay.inject_always(Fault(Kind.REPLY, 403, "AccessDenied"))
    request = request_for()
    assert store_error_of(lambda: put(store, request)).fault is FaultKind.CONFIGURATION
    assert len(relay.seen) <= 2
    assert store_error_of(store.probe).failure.cause is Cause.STORE_DENIED


@SIZES
def test_an_object_the_store_refuses_is_the_images_fault_unless_it_refuses_all(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest, size_bytes: int
) -> None:
    request = request_for(size_bytes=size_bytes)
    refusal = Fault(Kind.REPLY, 422, "NotByTheRules")
    relay.choose_fault = lambda asked: (
        refusal if request.target in asked.path and asked.method != "HEAD" else None
    )
    fault = store_error_of(lambda: put(store, request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.ITEM, Cause.STORE_DENIED)
    relay.choose_fault = lambda asked: refusal if asked.method in ("PUT", "POST") else None
    fault = store_error_of(lambda: put(store, request))
    assert fault.fault is FaultKind.CONFIGURATION
    assert "NotByTheRules" in fault.failure.message
    relay.forward_all()
    assert_stored(seaweed, prefix)
    put(store, request)
    assert_stored(seaweed, prefix, request)


def test_a_store_that_is_down_is_a_transient_fault(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for()
    relay.refuse()
    fault = store_error_of(lambda: put(store, request))
    assert (fault.fault, fault.failure.cause) == (FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE)
    assert store_error_of(store.probe).fault is FaultKind.TRANSIENT
    relay.listen()
    store.probe()
    put(store, request)
    assert_stored(seaweed, prefix, request)


def test_random_faults_throughout(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, tmp_path: Path
) -> None:
    luck = random.Random(20)
    requests = [
        make_request(tmp_path / "scratch", f"b/{n % 7}/{n}.jpg", luck.choice([1_000, 300_000, 6 << 20]), n)
        for n in range(60)
    ]
    relay.choose_fault = lambda asked: luck.choice(FAULTS) if luck.random() < 0.25 else None
    patient = Backoff(attempts=40, first_s=0.01, longest_s=0.05)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda r: with_retries(lambda: store.put(r), patient, random.random), requests))
    assert len(relay.injected) > 20
    assert_stored(seaweed, prefix, *requests)
