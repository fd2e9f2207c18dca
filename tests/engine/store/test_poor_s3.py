"""Stores that speak S3 without some of its parts: what photostat can do without is done without."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import Store
from engine.store.s3 import S3Store
from tests.engine.store.test_faults import QUICK, assert_stored
from tests.support.s3_relay import Fault, Kind, Relay
from tests.support.seaweed import Seaweed, settings_for
from tests.support.staged_jpegs import MakeRequest, store_error_of
from tests.support.wrong_server import Asked, Reply, WrongServer


@pytest.fixture
def store(relay: Relay, prefix: str) -> Iterator[Store]:
    store = S3Store(settings_for(relay.endpoint, prefix), QUICK)
    yield store
    store.close()


def test_without_an_etag_in_a_head_the_bytes_decide(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest
) -> None:
    request = request_for()
    relay.inject_always(Fault(Kind.DROP_ETAG), method="HEAD")
    store.write_probe()
    assert not store.put(request).existed
    assert store.put(request).existed
    different = request_for(request.target, image_id=3)
    assert store_error_of(lambda: store.put(different)).failure.cause is Cause.STORE_MISMATCH
    assert_stored(seaweed, prefix, request)


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_a_store_that_cannot_list_unfinished_transfers_takes_every_image(
    store: Store, seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest, size_bytes: int
) -> None:
    refusal = Fault(Kind.REPLY, 500, "InternalError")
    relay.choose_fault = lambda asked: refusal if asked.method == "GET" and "uploads" in asked.path else None
    request = request_for(size_bytes=size_bytes)
    assert not store.put(request).existed
    assert_stored(seaweed, prefix, request)


KEYS = [f"b/u/{number}.jpg" for number in range(5)]


def listing_of_two(asked: Asked, after: str) -> Reply:
    """A page of two keys in the first version of listings: truncated, and without a token."""
    rest = [key for key in KEYS if "p/" + key > after]
    entries = "".join(
        f"<Contents><Key>p/{key}</Key><Size>1</Size><ETag>x</ETag></Contents>" for key in rest[:2]
    )
    truncated = "true" if len(rest) > 2 else "false"
    body = f"<ListBucketResult>{entries}<IsTruncated>{truncated}</IsTruncated></ListBucketResult>"
    return Reply(200, {"Content-Type": "application/xml"}, body.encode())


@pytest.mark.usefixtures("s3_credentials")
def test_a_listing_of_the_first_version_is_read_to_its_end(wrong_server: WrongServer) -> None:
    def answer(asked: Asked) -> Reply:
        return listing_of_two(asked, parse_qs(urlsplit(asked.path).query).get("marker", [""])[0])

    wrong_server.answer = answer
    store = S3Store(settings_for(wrong_server.endpoint, "p/"), QUICK)
    assert [found.key for found in store.list()] == KEYS


@pytest.mark.usefixtures("s3_credentials")
def test_a_listing_that_cannot_be_continued_is_refused(wrong_server: WrongServer) -> None:
    wrong_server.answer = lambda asked: listing_of_two(asked, "")
    store = S3Store(settings_for(wrong_server.endpoint, "p/"), QUICK)
    fault = store_error_of(lambda: list(store.list()))
    assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE)
    assert "cut off" in fault.failure.message


def answer_in_region(asked: Asked) -> Reply:
    """As Garage in region "garage" does: a HEAD has no text."""
    if "/garage/s3/" in asked.headers["authorization"]:
        return Reply(200, {"Content-Type": "application/xml"}, b"<ListBucketResult></ListBucketResult>")
    text = (
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>Authorization header malformed, unexpected scope: "
        b"20260101/us-east-1/s3/aws4_request</Message></Error>"
    )
    return Reply(400, {"Content-Type": "application/xml"}, text)


@pytest.mark.usefixtures("s3_credentials")
def test_a_wrong_region_is_named_and_can_be_set(
    wrong_server: WrongServer, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_server.answer = answer_in_region
    store = S3Store(settings_for(wrong_server.endpoint, "p/"), QUICK)
    for action in (store.probe, store.write_probe, lambda: store.put(request_for())):
        fault = store_error_of(action)
        assert fault.fault is FaultKind.CONFIGURATION
        assert "unexpected scope" in fault.failure.message
        assert "region under [store]" in fault.failure.remedy
    S3Store(settings_for(wrong_server.endpoint, "p/", region="garage"), QUICK).probe()
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "garage")
        S3Store(settings_for(wrong_server.endpoint, "p/"), QUICK).probe()
        monkeypatch.delenv(name)
