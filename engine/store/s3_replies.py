"""Whether a reply is an S3 server's: login pages, maintenance pages and proxies answer in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from engine.messages import FaultKind
from engine.store.errors import RESTART

_ROOTS = {
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
}
"""The XML element that the reply to each operation must have (Amazon S3 API reference)."""
_BODILESS = frozenset({"PutObject", "UploadPart", "DeleteObject", "AbortMultipartUpload"})
_ROOT = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:(?:<\?.*?\?>|<!--.*?-->)\s*)*<(?:\w+:)?(\w+)[\s>/]", re.DOTALL)
_PAGE_HINT = (
    "Something in front of the store answers in its place: a maintenance or login page, a proxy, another server. "
    f"If endpoint under [store] is wrong, correct it, {RESTART} If not, the engine continues by itself when the store "
    "answers again."
)


class UnexpectedReply(Exception):
    """A reply that no S3 server gives, or none that can be used; `hint` says what to do."""

    def __init__(self, message: str, hint: str, fault: FaultKind = FaultKind.CONFIGURATION) -> None:
        super().__init__(message)
        self.hint = hint
        self.fault = fault


def check_reply(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises UnexpectedReply if it is a redirect, or a success that lacks what S3 always gives.

    Error replies are not looked at. HEAD and GET of an object have nothing of S3's own in them that every
    server gives: `S3Store` compares those with the listing where it matters."""
    if 300 <= status < 400 and "x-amz-bucket-region" not in headers:
        raise _redirect(status, headers.get("location", ""))
    if not 200 <= status < 300:
        return
    if operation in _ROOTS:
        _check_root(operation, headers, body)
    elif operation in _BODILESS and _is_foreign(headers, body):
        raise _page(headers, "an empty reply", body)
    if operation == "UploadPart" and not headers.get("etag"):
        raise UnexpectedReply("the store gives a part no ETag, so that it cannot be completed", _PAGE_HINT)


def _check_root(operation: str, headers: Mapping[str, str], body: bytes) -> None:
    root, expected = _ROOT.match(body), _ROOTS[operation]
    if not body.strip():
        raise UnexpectedReply(f"an empty reply instead of {expected}", _PAGE_HINT, FaultKind.TRANSIENT)
    if root is None or root[1].decode() != expected:
        raise _page(headers, expected, body)


def _is_foreign(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether there is a body where S3 has none; an XML one is let pass."""
    root = _ROOT.match(body)
    is_page = headers.get("content-type", "").lower().startswith("text/html")
    return bool(body.strip()) and (is_page or root is None or root[1].lower() == b"html")


def page_instead_of(what: str) -> UnexpectedReply:
    """For a HEAD or GET that the listing contradicts."""
    return UnexpectedReply(f"the reply is not S3's: {what}", _PAGE_HINT)


def _page(headers: Mapping[str, str], expected: str, body: bytes) -> UnexpectedReply:
    kind = headers.get("content-type", "no content type")
    start = " ".join(body[:80].decode("utf-8", "replace").split())
    return UnexpectedReply(f"the reply is not S3's: {kind} instead of {expected}: {start!r}", _PAGE_HINT)


def _redirect(status: int, location: str) -> UnexpectedReply:
    """Without the query, which in a login page's address may have secrets."""
    parts = urlsplit(location)
    where = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    named = (
        f' If the store is there, set endpoint = "{parts.scheme}://{parts.netloc}"' if parts.netloc else ""
    )
    hint = (
        "The endpoint redirects, and an S3 store answers itself."
        + (f"{named} under [store], {RESTART}" if named else f" Correct endpoint under [store], {RESTART}")
        + " If it is a login or maintenance page, the engine continues by itself when the store answers again."
    )
    return UnexpectedReply(f"a redirect ({status}) to {where or 'no location'}", hint)
