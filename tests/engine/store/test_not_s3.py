"""A server that is no S3 store, or does not answer as one, is a fault of the store, never of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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

pytestmark = pytest.mark.usefixtures("s3_credentials")
LOGIN = "https://login.example.org/sso?token=hunter2"


@pytest.fixture
def store(wrong_server: WrongServer) -> Iterator[Store]:
    store = S3Store(settings_for(wrong_server.endpoint, "p/"), QUICK)
    yield store
    store.close()


def actions(store: Store, request_for: MakeRequest, size_bytes: int = 10_000) -> list[Callable[[], object]]:
    request = request_for(size_bytes=size_bytes)
    return [
        lambda: store.put(request),
        store.probe,
        store.write_probe,
        lambda: list(store.list()),
    ]


@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_redirect_is_named_with_its_place(
    store: Store, wrong_server: WrongServer, request_for: MakeRequest, status: int, size_bytes: int
) -> None:
    wrong_server.answer = lambda asked: Reply(status, {"Location": LOGIN}, b"")
    for action in [*actions(store, request_for, size_bytes), lambda: store.digest("b/u/1.jpg")]:
        fault = store_error_of(action)
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE)
        assert f"a redirect ({status}) to https://login.example.org/sso" in fault.failure.message
        assert "hunter2" not in fault.failure.message
        assert 'endpoint = "https://login.example.org"' in fault.failure.remedy


PAGES = {
    "page": Reply(),
    "page-with-etag": Reply(headers={"Content-Type": "text/html", "ETag": '"5f3a-2c1"'}),
    "page-of-xml": Reply(body=b"<?xml version='1.0'?><html><body>Back soon</body></html>"),
    "json": Reply(headers={"Content-Type": "application/json"}, body=b'{"status": "maintenance"}'),
    "text": Reply(headers={"Content-Type": "text/plain"}, body=b"OK"),
    "nothing": Reply(headers={}, body=b""),
    "404": Reply(404),
    "403": Reply(403),
    "400": Reply(400),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size_bytes", [10_000, 6 << 20], ids=["single", "parts"])
def test_a_page_in_the_stores_place_is_never_the_images_fault(
    store: Store, wrong_server: WrongServer, request_for: MakeRequest, name: str, size_bytes: int
) -> None:
    wrong_server.answer = lambda asked: PAGES[name]
    for action in actions(store, request_for, size_bytes):
        fault = store_error_of(action)
        assert fault.fault is not FaultKind.ITEM
        assert fault.failure.cause in (Cause.STORE_UNAVAILABLE, Cause.STORE_DENIED)
        if name.startswith(("page", "json", "text")):
            assert fault.fault is FaultKind.CONFIGURATION
            assert "not S3's" in fault.failure.message


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "401: Unauthorized."), (403, "403: Forbidden."), (503, "503: Service Unavailable")],
)
def test_an_error_page_without_a_code_of_s3_is_named_by_its_status(
    store: Store, wrong_server: WrongServer, status: int, words: str
) -> None:
    for body in (b"<html><body>Sign in</body></html>", b'<Error xmlns="urn:x"><Reason>x</Reason></Error>'):
        wrong_server.answer = lambda asked: Reply(status, body=body)  # noqa: B023
        assert f": {words}" in store_error_of(lambda: list(store.list())).failure.with_remedy


@pytest.mark.parametrize("name", ["page", "text", "json", "404"])
def test_a_page_is_not_read_back_as_an_object(store: Store, wrong_server: WrongServer, name: str) -> None:
    wrong_server.answer = lambda asked: PAGES[name]
    assert store_error_of(lambda: store.digest("b/u/1.jpg")).fault is FaultKind.CONFIGURATION


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "GET", ""])
def test_a_page_that_comes_and_goes_costs_no_image(
    seaweed: Seaweed, relay: Relay, prefix: str, request_for: MakeRequest, method: str
) -> None:
    store = S3Store(settings_for(relay.endpoint, prefix), QUICK)
    request = request_for()
    store.write_probe()
    relay.inject_always(Fault(Kind.PAGE), method)
    if method in ("HEAD", "PUT", ""):
        fault = store_error_of(lambda: store.put(request))
        assert (fault.fault, fault.failure.cause) == (FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE)
        assert_stored(seaweed, prefix)
    assert store_error_of(store.write_probe).fault is FaultKind.CONFIGURATION
    relay.forward_all()
    store.write_probe()
    store.put(request)
    assert_stored(seaweed, prefix, request)


def test_what_nobody_foresaw_is_a_fault_of_the_store(
    store: Store, wrong_server: WrongServer, request_for: MakeRequest
) -> None:
    """A list whose entries lack their keys makes boto3's readers and ours stumble."""
    listing = b"<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>"

    def answer(asked: Asked) -> Reply:
        return Reply(200, {"Content-Type": "application/xml"}, listing)

    wrong_server.answer = answer
    for action in actions(store, request_for):
        assert store_error_of(action).fault is not FaultKind.ITEM
