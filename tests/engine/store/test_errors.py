"""Whose fault each error of a store is, and that no message has a secret in it."""

from __future__ import annotations

import pickle

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError
from engine.store.errors import classify_s3_error
from engine.store.redaction import redact
from engine.store.retry import Backoff, with_retries, worth_retrying
from engine.store.s3_client import classify_boto_error

ITEM, CONFIGURATION, TRANSIENT = FaultKind.ITEM, FaultKind.CONFIGURATION, FaultKind.TRANSIENT


@pytest.mark.parametrize(
    ("code", "status", "fault", "cause", "remedy"),
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
        ("PermanentRedirect", 301, CONFIGURATION, Cause.STORE_UNAVAILABLE, "region under [store]"),
        ("AuthorizationHeaderMalformed", 400, CONFIGURATION, Cause.STORE_UNAVAILABLE, "region under [store]"),
        ("MethodNotAllowed", 405, CONFIGURATION, Cause.STORE_UNAVAILABLE, "url"),
        ("MissingContentLength", 411, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("NotImplemented", 501, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("InvalidChecksumAlgorithm", 400, CONFIGURATION, Cause.STORE_UNAVAILABLE, "when_required"),
        ("SlowDown", 503, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("ServiceUnavailable", 503, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("InternalError", 500, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("RequestTimeout", 400, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("BadDigest", 400, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("XAmzContentSHA256Mismatch", 400, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("NoSuchUpload", 404, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("PreconditionFailed", 412, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("429", 429, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("408", 408, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("SomethingNew", 599, TRANSIENT, Cause.STORE_UNAVAILABLE, ""),
        ("InsufficientStorage", 507, CONFIGURATION, Cause.STORE_UNAVAILABLE, "no room"),
        ("QuotaExceeded", 403, CONFIGURATION, Cause.STORE_UNAVAILABLE, "quota"),
        ("SomethingNew", 400, ITEM, Cause.STORE_DENIED, "refuses this object"),
        ("413", 413, ITEM, Cause.STORE_DENIED, "size"),
        ("KeyTooLongError", 400, ITEM, Cause.STORE_DENIED, "name"),
        ("EntityTooLarge", 400, ITEM, Cause.STORE_DENIED, "size"),
    ],
)
def test_replies_of_an_s3_server(code: str, status: int, fault: FaultKind, cause: Cause, remedy: str) -> None:
    found = classify_s3_error(code, status, "what it says", "storing b/u/1.jpg")
    assert (found.fault, found.failure.cause) == (fault, cause)
    assert remedy in found.failure.remedy
    assert "storing b/u/1.jpg" in found.failure.message
    assert code in found.failure.message


def test_a_message_about_checksums_names_the_setting() -> None:
    message = "Transfer-Encoding: aws-chunked with a trailer is not supported"
    assert "when_required" in classify_s3_error("InvalidRequest", 400, message, "storing").failure.remedy
    assert classify_s3_error("InvalidRequest", 400, "what is this", "storing").fault is ITEM


def test_a_message_about_the_region_names_the_setting() -> None:
    message = "Authorization header malformed, unexpected scope: 20260101/us-east-1/s3/aws4_request"
    assert (
        "region under [store]" in classify_s3_error("InvalidRequest", 400, message, "storing").failure.remedy
    )


URL = "https://s3.example.org/jpegs"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (boto.NoCredentialsError(), CONFIGURATION),
        (boto.PartialCredentialsError(provider="env", cred_var="secret"), CONFIGURATION),
        (boto.ProfileNotFound(profile="archive"), CONFIGURATION),
        (ValueError("Invalid endpoint: x"), CONFIGURATION),
        (boto.ParamValidationError(report="Invalid bucket name"), CONFIGURATION),
        (ResponseParserError("not XML"), CONFIGURATION),
        (boto.SSLError(endpoint_url=URL, error=OSError("CERTIFICATE_VERIFY_FAILED")), CONFIGURATION),
        (boto.SSLError(endpoint_url=URL, error=OSError("EOF occurred in violation of protocol")), TRANSIENT),
        (
            boto.EndpointConnectionError(endpoint_url=URL, error="Failed to resolve 's3.example.org'"),
            CONFIGURATION,
        ),
        (boto.EndpointConnectionError(endpoint_url=URL, error="Connection refused"), TRANSIENT),
        (boto.ConnectTimeoutError(endpoint_url=URL), TRANSIENT),
        (boto.ReadTimeoutError(endpoint_url=URL), TRANSIENT),
        (boto.ConnectionClosedError(endpoint_url=URL), TRANSIENT),
        (boto.ProxyConnectionError(proxy_url="http://proxy"), TRANSIENT),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), TRANSIENT),
        (boto.HTTPClientError(error="something"), TRANSIENT),
    ],
)
def test_exceptions_of_boto(error: Exception, fault: FaultKind) -> None:
    assert classify_boto_error(error, "storing: x").fault is fault


def test_what_to_do_about_credentials_is_right_on_every_machine() -> None:
    for found in (
        classify_boto_error(boto.NoCredentialsError(), "storing: x"),
        classify_s3_error("ExpiredToken", 400, "expired", "storing"),
    ):
        assert "on another machine" in found.failure.remedy and "`photostat host`" in found.failure.remedy


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
    clean = redact(text, ("hunter2hunter2",))
    assert "hunter2" not in clean.lower()
    assert redact("nothing to hide at s3://bucket/prefix") == "nothing to hide at s3://bucket/prefix"


def test_a_store_error_crosses_processes() -> None:
    fault = StoreError(TRANSIENT, Cause.DISK_FULL, "no space\nleft", "free some")
    again = pickle.loads(pickle.dumps(fault))
    assert (again.fault, again.failure) == (fault.fault, fault.failure)
    assert again.failure.message == "no space left"


def test_waits_grow_and_are_spread() -> None:
    backoff = Backoff(attempts=5, first_s=1, longest_s=5)
    assert [backoff.wait_s(attempt, 1.0) for attempt in (1, 2, 3, 4)] == [1, 2, 4, 5]
    assert [backoff.wait_s(attempt, 0.0) for attempt in (1, 2, 3, 4)] == [0.5, 1, 2, 2.5]


def test_only_what_may_pass_is_tried_again() -> None:
    def attempts(fault: StoreError, cured_after: int) -> tuple[int, bool]:
        tried: list[int] = []

        def action() -> None:
            tried.append(1)
            if len(tried) <= cured_after:
                raise fault

        try:
            with_retries(action, Backoff(attempts=4), lambda: 0.5, sleep=lambda seconds: None)
        except StoreError:
            return len(tried), False
        return len(tried), True

    passing = StoreError(TRANSIENT, Cause.STORE_UNAVAILABLE, "reset")
    full = StoreError(TRANSIENT, Cause.DISK_FULL, "full")
    denied = StoreError(CONFIGURATION, Cause.STORE_DENIED, "denied")
    assert attempts(passing, 2) == (3, True)
    assert attempts(passing, 9) == (4, False)
    assert attempts(full, 9) == (1, False)
    assert attempts(denied, 9) == (1, False)
    assert not worth_retrying(StoreError(ITEM, Cause.STORE_MISMATCH, "other"))
    nobody = StoreError(TRANSIENT, Cause.STORE_UNAVAILABLE, "connection refused", never_answered=True)
    assert [worth_retrying(nobody, attempt) for attempt in (1, 2, 3)] == [True, True, False]
    assert pickle.loads(pickle.dumps(nobody)).never_answered
