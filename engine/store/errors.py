"""What a store's errors mean: the fault of one image, of the configuration, or one that passes by itself."""

from __future__ import annotations

import errno
import re
from collections.abc import Container

from msgspec import Struct

from engine.failures import Cause
from engine.messages import FaultKind
from engine.store.base import StoreError

_NONE: frozenset[str] = frozenset()
RESTART = "then `photostat stop` and `run` again."
CHECKSUM_HINT = (
    f'This store refuses the checksum header: set checksum = "when_required" under [store], {RESTART}'
)


class _OsRule(Struct, frozen=True):
    """What an operating-system error means, by its number."""

    codes: frozenset[int]
    fault: FaultKind
    cause: Cause
    hint: str = ""


_OS_RULES = (
    _OsRule(frozenset({errno.ENOSPC, errno.EDQUOT}), FaultKind.TRANSIENT, Cause.DISK_FULL),
    _OsRule(
        frozenset({errno.EROFS}),
        FaultKind.CONFIGURATION,
        Cause.STORE_DENIED,
        "The file system is mounted read-only: mount it for writing, then resume.",
    ),
    _OsRule(
        frozenset({errno.EACCES, errno.EPERM}),
        FaultKind.CONFIGURATION,
        Cause.STORE_DENIED,
        "Give the account that runs photostat the right to write there, then resume.",
    ),
    _OsRule(
        frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}),
        FaultKind.ITEM,
        Cause.STORE_DENIED,
        "The file system cannot hold this name: give the row another in the export, then requeue.",
    ),
    _OsRule(
        frozenset({errno.ENOTDIR, errno.EISDIR}),
        FaultKind.ITEM,
        Cause.STORE_MISMATCH,
        "Something else has this name in the store: move it away, then requeue.",
    ),
)


def classify_os_error(error: OSError, what: str) -> StoreError:
    """The store error behind an operating-system error in a local store; `what` names what was done."""
    text = f"{what}: {error.strerror or type(error).__name__}"
    if error.errno == errno.EDQUOT:
        text += " (quota)"
    for rule in _OS_RULES:
        if error.errno in rule.codes:
            return StoreError(rule.fault, rule.cause, text, rule.hint)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)


class _S3Rule(Struct, frozen=True):
    """What an error reply of an S3 server means. It applies if the code, the status or (with `words`) both the
    status and the text match."""

    fault: FaultKind
    cause: Cause
    hint: str = ""
    codes: frozenset[str] = _NONE
    statuses: Container[int] = ()
    words: re.Pattern[str] | None = None

    def applies(self, code: str, status: int, message: str) -> bool:
        if self.words is not None:
            return status in self.statuses and self.words.search(f"{code} {message}") is not None
        return code in self.codes or status in self.statuses


_REGION_HINT = (
    f"The region is not the store's: set region under [store] to the one that its reply names, or ask those who run it "
    f"(Garage calls it s3_region in its configuration), {RESTART}"
)

_S3_RULES = (
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        _REGION_HINT,
        codes=frozenset(
            {
                *("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
                *("InvalidRequestRegion", "InvalidRegion", "PermanentRedirect", "TemporaryRedirect"),
            }
        ),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        _REGION_HINT,
        statuses=(400, 403),
        words=re.compile(r"\bregion\b|(credential|unexpected) scope", re.IGNORECASE),
    ),
    _S3Rule(
        FaultKind.TRANSIENT,
        Cause.STORE_UNAVAILABLE,
        codes=frozenset(
            {
                *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"),
                *("Throttling", "ThrottlingException", "RequestLimitExceeded"),
                *("TooManyRequests", "TooManyRequestsException"),
                *("BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"),
                *("OperationAborted", "ConditionalRequestConflict", "MalformedXML"),
                *("NoSuchUpload", "InvalidPart", "InvalidPartOrder"),
            }
        ),
        statuses=(408, 409, 412, 425, 429),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        "The store has no room: free some, or have the quota raised; the engine then continues by itself.",
        codes=frozenset(
            {
                *("QuotaExceeded", "InsufficientStorage"),
                *("XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"),
            }
        ),
        statuses=(507,),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_DENIED,
        "Correct the AWS credentials, then resume; those of the environment need a new `photostat run`, or on another "
        "machine a new `photostat host` there.",
        codes=frozenset(
            {
                *("InvalidAccessKeyId", "SignatureDoesNotMatch", "NotSignedUp", "AccountProblem"),
                *("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"),
                *("InvalidClientTokenId", "UnrecognizedClientException"),
            }
        ),
        statuses=(401,),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_DENIED,
        "This machine's clock and the store's differ: set the clock, then resume.",
        codes=frozenset({"RequestTimeTooSkewed"}),
    ),
    _S3Rule(
        FaultKind.ITEM,
        Cause.STORE_DENIED,
        "The store cannot take this name: give the row another in the export, then requeue.",
        codes=frozenset(
            {"KeyTooLongError", "InvalidObjectName", "XMinioInvalidObjectName", "InvalidURI"},
        ),
    ),
    _S3Rule(
        FaultKind.ITEM,
        Cause.STORE_DENIED,
        "The store takes no metadata of this length: shorten the record id in the export, or accept this row.",
        codes=frozenset({"MetadataTooLarge"}),
    ),
    _S3Rule(
        FaultKind.ITEM,
        Cause.STORE_DENIED,
        "The store takes no object of this size: accept this row, or ask those who run the store.",
        codes=frozenset({"EntityTooLarge"}),
        statuses=(413,),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        f"Correct url and endpoint under [store], {RESTART}",
        codes=frozenset(
            {
                *("NoSuchBucket", "InvalidBucketName", "MethodNotAllowed"),
            }
        ),
        statuses=(301, 307, 404, 405),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        CHECKSUM_HINT,
        statuses=(411, 501),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_UNAVAILABLE,
        CHECKSUM_HINT,
        statuses=(400,),
        words=re.compile(r"checksum|trailer|aws-chunked|x-amz-sdk|content-length|STREAMING-", re.IGNORECASE),
    ),
    _S3Rule(
        FaultKind.CONFIGURATION,
        Cause.STORE_DENIED,
        "Let these credentials list, get and put objects and abort multipart uploads there, then resume.",
        codes=frozenset(
            {
                *("AccessDenied", "AllAccessDisabled", "Forbidden", "InvalidObjectState"),
                "KMS.DisabledException",
            }
        ),
        statuses=(403,),
    ),
    _S3Rule(
        FaultKind.ITEM,
        Cause.STORE_DENIED,
        "The store refuses this object and takes others: ask those who run it, or accept this row.",
        statuses=range(400, 500),
    ),
)
"""The first that applies counts."""


def not_the_images(error: StoreError) -> StoreError:
    """For a request that is about no image: what would be the image's fault elsewhere is the configuration's."""
    if error.fault is not FaultKind.ITEM:
        return error
    hint = f"The store refuses this request: ask those who run it, or correct url and endpoint, {RESTART}"
    return StoreError(FaultKind.CONFIGURATION, error.failure.cause, error.failure.message, hint)


def classify_s3_error(code: str, status: int, message: str, what: str) -> StoreError:
    """The store error behind an error reply of an S3 server.

    `code` is the reply's error code (for a HEAD, which has no body, the status as text), `status` the HTTP status.
    An unknown refusal (4xx) is the image's fault here; whoever put the image can find out whether the store
    refuses everything. Whatever else is unknown may pass."""
    text = (
        f"{what}: {code}"
        + (f" ({status})" if code != str(status) else "")
        + (f": {message}" if message else "")
    )
    for rule in _S3_RULES:
        if rule.applies(code, status, message):
            return StoreError(rule.fault, rule.cause, text, rule.hint)
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)
