"""Whose fault is it? Every error a store can meet: the image's, the configuration's or the world's. Pure."""

from __future__ import annotations

import errno
import re

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})

_RESTART = "then `photostat stop` and `run` again."
CHECKSUM_HINT = (
    f'This store refuses the checksum header: set checksum = "when_required" under [store], {_RESTART}'
)
_CREDENTIALS_HINT = (
    "Correct the AWS credentials, then resume; those of the environment need a new `photostat run`."
)
_POLICY_HINT = (
    "Let these credentials list, get and put objects and abort multipart uploads there, then resume."
)
_URL_HINT = f"Correct url and endpoint under [store], {_RESTART}"
_NAME_HINT = "The store cannot take this name: give the row another in the export, then requeue."

_SIZE_HINT = "The store takes no object of this size: accept this row, or ask those who run the store."
_REFUSED_HINT = "The store refuses this object and takes others: ask those who run it, or accept this row."
_FULL_HINT = "The store has no room: free some, or have the quota raised; the engine then goes on by itself."

_CREDENTIALS = frozenset(
    [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "NotSignedUp",
        "AccountProblem",
    ]
)
_DENIALS = frozenset(
    ["AccessDenied", "AllAccessDisabled", "Forbidden", "InvalidObjectState", "KMS.DisabledException"]
)
_WRONG_PLACE = frozenset(
    [
        "NoSuchBucket",
        "InvalidBucketName",
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "MethodNotAllowed",
        "IllegalLocationConstraintException",
        "InvalidRequestRegion",
    ]
)
_NAMES = frozenset(["KeyTooLongError", "InvalidObjectName", "XMinioInvalidObjectName", "InvalidURI"])
_SIZES = frozenset(["EntityTooLarge", "MetadataTooLarge"])
_FULL = frozenset(
    ["QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull", "InsufficientStorage"]
)
_PASSING = frozenset(
    [
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "BadDigest",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "IncompleteBody",
        "OperationAborted",
        "ConditionalRequestConflict",
        "NoSuchUpload",
        "InvalidPart",
        "InvalidPartOrder",
        "MalformedXML",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequests",
        "TooManyRequestsException",
    ]
)
_CHECKSUM_WORDS = re.compile(
    r"checksum|trailer|aws-chunked|x-amz-sdk|content-length|STREAMING-", re.IGNORECASE
)


def sort_os_error(error: OSError, what: str) -> StoreError:
    """The trouble behind an operating-system error in a local store; `what` names what was done."""
    code = error.errno
    said = f"{what}: {error.strerror or type(error).__name__}"
    if code in _DISK_FULL:
        quota = " (quota)" if code == errno.EDQUOT else ""
        return StoreError(FaultKind.TRANSIENT, Cause.DISK_FULL, f"{said}{quota}")
    if code in _DENIED:
        hint = "Give the account that runs photostat the right to write there, then resume."
        if code == errno.EROFS:
            hint = "The file system is mounted read-only: mount it for writing, then resume."
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, said, hint)
    if code in _BAD_NAME:
        hint = "The file system cannot hold this name: give the row another in the export, then requeue."
        return StoreError(FaultKind.ITEM, Cause.STORE_DENIED, said, hint)
    if code in (errno.ENOTDIR, errno.EISDIR):
        hint = "Something else has this name in the store: move it away, then requeue."
        return StoreError(FaultKind.ITEM, Cause.STORE_MISMATCH, said, hint)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, said)


def sort_s3_error(code: str, status: int, message: str, what: str) -> StoreError:
    """The trouble behind an error reply of an S3 server.

    `code` is the reply's error code (of a HEAD, which has no body, the status as text), `status` the HTTP status.
    A refusal (4xx) that nobody has heard of is the image's here; whoever put it can tell whether the store
    refuses everything. Whatever else is unknown is the world's."""
    said = (
        f"{what}: {code}"
        + (f" ({status})" if code != str(status) else "")
        + (f": {message}" if message else "")
    )
    if code in _PASSING or status in (408, 409, 412, 425, 429):
        return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, said)
    if code in _FULL or status == 507:
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, said, _FULL_HINT)
    if code in _CREDENTIALS or status == 401:
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, said, _CREDENTIALS_HINT)
    if code == "RequestTimeTooSkewed":
        hint = "This machine's clock and the store's differ: set the clock, then resume."
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, said, hint)
    if code in _NAMES:
        return StoreError(FaultKind.ITEM, Cause.STORE_DENIED, said, _NAME_HINT)
    if code in _SIZES or status == 413:
        return StoreError(FaultKind.ITEM, Cause.STORE_DENIED, said, _SIZE_HINT)
    if code in _WRONG_PLACE or status in (301, 307, 404, 405):
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, said, _URL_HINT)
    if status in (411, 501) or (status == 400 and _CHECKSUM_WORDS.search(f"{code} {message}")):
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, said, CHECKSUM_HINT)
    if code in _DENIALS or status == 403:
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_DENIED, said, _POLICY_HINT)
    if 400 <= status < 500:
        return StoreError(FaultKind.ITEM, Cause.STORE_DENIED, said, _REFUSED_HINT)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, said)


_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SIGNED = re.compile(
    r"(?i)\b(X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId)=[^&\s,\"']+"
)
_QUERY = re.compile(r"(?<=://)([^\s?\"']+)\?[^\s\"']*")
_KEY_IDS = re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}\b")


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without credentials: user, password and query of URLs, signatures, access key ids, and `secrets`."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    return _KEY_IDS.sub("***", _SIGNED.sub(r"\1=***", _QUERY.sub(r"\1", _USER_INFO.sub("***@", text))))
