"""Whose fault is it? The table of every error a store can answer with, and no secret in any message."""

from __future__ import annotations

import pickle

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from engine.failures import Cause
from engine.messages import Trouble
from engine.store.base import StoreTrouble
from engine.store.errors import scrub, sort_s3_error
from engine.store.retry import Backoff, with_retries, worth_retrying
from engine.store.s3_client import sort_boto_error

IMAGE, CONFIGURATION, WORLD = Trouble.IMAGE, Trouble.CONFIGURATION, Trouble.WORLD


@pytest.mark.parametrize(
    ("code", "status", "trouble", "cause", "remedy"),
    [
        ("AccessDenied", 403, CONFIGURATION, Cause.STORE_DENIED, "list, get and put"),
        ("403", 403, CONFIGURATION, Cause.STORE_DENIED, ""),
        ("InvalidAccessKeyId", 403, CONFIGURATION, Cause.STORE_DENIED, "credentials"),
        ("SignatureDoesNotMatch", 403, CONFIGURATION, Cause.STORE_DENIED, "credentials"),
        ("ExpiredToken", 400, CONFIGURATION, Cause.STORE_DENIED, "credentials"),
        ("RequestTimeTooSkewed", 403, CONFIGURATION, Cause.STORE_DENIED, "clock"),
        ("NoSuchBucket", 404, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("404", 404, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("InvalidBucketName", 400, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("PermanentRedirect", 301, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("MethodNotAllowed", 405, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("MissingContentLength", 411, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("NotImplemented", 501, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("InvalidChecksumAlgorithm", 400, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("SlowDown", 503, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("ServiceUnavailable", 503, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("InternalError", 500, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("RequestTimeout", 400, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("BadDigest", 400, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("XAmzContentSHA256Mismatch", 400, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("NoSuchUpload", 404, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("PreconditionFailed", 412, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("429", 429, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("408", 408, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("SomethingNew", 599, WORLD, Cause.STORE_UNAVAILABLE, ""),
        ("InsufficientStorage", 507, CONFIGURATION, Cause.STORE_UNAVAILABLE, "no room"),
        ("QuotaExceeded", 403, CONFIGURATION, Cause.STORE_UNAVAILABLE, "quota"),
        ("SomethingNew", 400, IMAGE, Cause.STORE_DENIED, "refuses this object"),
        ("413", 413, IMAGE, Cause.STORE_DENIED, "size"),
        ("KeyTooLongError", 400, IMAGE, Cause.STORE_DENIED, "name"),
        ("EntityTooLarge", 400, IMAGE, Cause.STORE_DENIED, "size"),
    ],
)
def test_replies_of_an_s3_server(code: str, status: int, trouble: Trouble, cause: Cause, remedy: str) -> None:
    found = sort_s3_error(code, status, "what it says", "storing b/u/1.jpg")
    assert (found.trouble, found.failure.cause) == (trouble, cause)
    assert remedy in found.failure.remedy
    assert "storing b/u/1.jpg" in found.failure.message
    assert code in found.failure.message


def test_a_message_about_checksums_names_the_setting() -> None:
    message = "Transfer-Encoding: aws-chunked with a trailer is not supported"
    assert "when_required" in sort_s3_error("InvalidRequest", 400, message, "storing").failure.remedy
    assert sort_s3_error("InvalidRequest", 400, "what is this", "storing").trouble is IMAGE


URL = "https://s3.example.org/jpegs"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (boto.NoCredentialsError(), CONFIGURATION),
        (boto.PartialCredentialsError(provider="env", cred_var="secret"), CONFIGURATION),
        (boto.ProfileNotFound(profile="archive"), CONFIGURATION),
        (ValueError("Invalid endpoint: x"), CONFIGURATION),
        (boto.ParamValidationError(report="Invalid bucket name"), CONFIGURATION),
        (ResponseParserError("not XML"), CONFIGURATION),
        (boto.SSLError(endpoint_url=URL, error=OSError("CERTIFICATE_VERIFY_FAILED")), CONFIGURATION),
        (boto.SSLError(endpoint_url=URL, error=OSError("EOF occurred in violation of protocol")), WORLD),
        (
            boto.EndpointConnectionError(endpoint_url=URL, error="Failed to resolve 's3.example.org'"),
            CONFIGURATION,
        ),
        (boto.EndpointConnectionError(endpoint_url=URL, error="Connection refused"), WORLD),
        (boto.ConnectTimeoutError(endpoint_url=URL), WORLD),
        (boto.ReadTimeoutError(endpoint_url=URL), WORLD),
        (boto.ConnectionClosedError(endpoint_url=URL), WORLD),
        (boto.ProxyConnectionError(proxy_url="http://proxy"), WORLD),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), WORLD),
        (boto.HTTPClientError(error="something"), WORLD),
    ],
)
def test_exceptions_of_boto(error: Exception, trouble: Trouble) -> None:
    assert sort_boto_error(error, "storing: x").trouble is trouble


@pytest.mark.parametrize(
    "text",
    [
        "at https://user:hunter2hunter2@s3.example.org/x",
        "GET https://s3.example.org/x?X-Amz-Signature=hunter2hunter2&list-type=2 failed",
        "X-Amz-Security-Token=hunter2hunter2 in the header",
        "the key AKIAHUNTER2HUNTER2 is unknown",
        "the secret is hunter2hunter2",
    ],
)
def test_no_secret_survives(text: str) -> None:
    clean = scrub(text, ("hunter2hunter2",))
    assert "hunter2" not in clean.lower()
    assert scrub("nothing to hide at s3://bucket/prefix") == "nothing to hide at s3://bucket/prefix"


def test_trouble_crosses_processes() -> None:
    trouble = StoreTrouble(WORLD, Cause.DISK_FULL, "no space\nleft", "free some")
    again = pickle.loads(pickle.dumps(trouble))
    assert (again.trouble, again.failure) == (trouble.trouble, trouble.failure)
    assert again.failure.message == "no space left"


def test_waits_grow_and_are_spread() -> None:
    backoff = Backoff(attempts=5, first_s=1, longest_s=5)
    assert [backoff.wait_s(attempt, 1.0) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert [backoff.wait_s(attempt, 0.0) for attempt in (1, 2, 3, 4)] == [0.5, 1, 2, 2.5]


def test_only_what_may_pass_is_tried_again() -> None:
    def attempts(trouble: StoreTrouble, cured_after: int) -> tuple[int, bool]:
        tried: list[int] = []

        def action() -> None:
            tried.append(1)
            if len(tried) <= cured_after:
                raise trouble

        try:
            with_retries(action, Backoff(attempts=4), lambda: 0.5, sleep=lambda seconds: None)
        except StoreTrouble:
            return len(tried), False
        return len(tried), True

    passing = StoreTrouble(WORLD, Cause.STORE_UNAVAILABLE, "reset")
    full = StoreTrouble(WORLD, Cause.DISK_FULL, "full")
    denied = StoreTrouble(CONFIGURATION, Cause.STORE_DENIED, "denied")
    assert attempts(passing, 2) == (3, True)
    assert attempts(passing, 9) == (4, False)
    assert attempts(full, 9) == (1, False)
    assert attempts(denied, 9) == (1, False)
    assert not worth_retrying(StoreTrouble(IMAGE, Cause.STORE_MISMATCH, "other"))
    nobody = StoreTrouble(WORLD, Cause.STORE_UNAVAILABLE, "connection refused", unheard=True)
    assert [worth_retrying(nobody, attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert pickle.loads(pickle.dumps(nobody)).unheard
