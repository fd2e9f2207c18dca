"""Sends a JPEG to a bucket, in one put or in parts, with digests that the server verifies; leaves no parts behind."""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote

from msgspec import Struct

from engine.messages import FaultKind, StoreRequest
from engine.store.base import StoreError
from engine.store.checksums import Digest, Digests, parts_of
from engine.store.retry import Backoff, with_retries
from engine.store.s3_client import Bucket, ErrorReply, S3Limits

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")
log = logging.getLogger(__name__)

_BAD_REQUEST = 400
_NOT_IMPLEMENTED = 501
_METADATA_BYTES = 2048
"""Names and values together (S3 user guide, \"Working with object metadata\")."""
_PLAIN = "!#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""Printable ASCII that stays as it is in metadata, all but the percent sign, so that decoding is exact."""


def metadata_of(request: StoreRequest) -> tuple[dict[str, str], tuple[str, ...]]:
    """The object's metadata, and a warning for each value that is left out because S3 takes no more.

    They travel as ASCII headers: all other characters are percent-encoded UTF-8, six bytes for most letters that are
    not Latin. What is left out is left out whole, because a shortened identifier is another one."""
    facts = {
        "photostat-md5": request.md5,
        "photostat-uuid": request.uuid,
        "photostat-source": request.source_digest,
        "photostat-record": request.record,
    }
    metadata: dict[str, str] = {}
    warnings: list[str] = []
    left_bytes = _METADATA_BYTES
    for name, value in facts.items():
        encoded = quote(value, safe=_PLAIN)
        needed_bytes = len(name) + len(encoded)
        if value and needed_bytes > left_bytes:
            warnings.append(
                f"{name} is not in the object's metadata: it has {len(encoded):,} bytes there, too many"
            )
        elif value:
            metadata[name] = encoded
            left_bytes -= needed_bytes
    return metadata, tuple(warnings)


class Replaced(Struct, frozen=True):
    """The object that a JPEG takes the place of, and that was looked at just before."""

    etag: str
    """Empty if the store does not tell it."""


class Upload:
    """Puts into one bucket, and remembers which keys may have unfinished parts there."""

    def __init__(self, bucket: Bucket, limits: S3Limits, *, with_crc32: bool) -> None:
        self._bucket = bucket
        self._limits = limits
        self._with_crc32 = with_crc32
        self._conditional = True
        """Until the store refuses If-None-Match, and takes the same request without it."""
        self._takes_if_match = True
        """In the same way."""
        self._lock = threading.Lock()
        self._has_listed_unfinished = False
        self._maybe_unfinished: set[str] = set()

    def part_bytes(self, size_bytes: int) -> int | None:
        """The size of a JPEG's parts; None if it is sent in one put. S3 takes 10,000 parts at most."""
        if size_bytes <= self._limits.multipart_bytes:
            return None
        return max(self._limits.part_bytes, math.ceil(size_bytes / 10_000))

    def put(
        self,
        key: str,
        scratch: BinaryIO,
        request: StoreRequest,
        digests: Digests,
        replaced: Replaced | None = None,
    ) -> bool:
        """True if the reply already confirms the object. With `replaced` it takes that object's place.

        Raises ErrorReply (409 or 412 if the name is taken) or StoreError."""
        facts: dict[str, Any] = {"ContentType": "image/jpeg", "Metadata": metadata_of(request)[0]}
        if digests.parts:
            return self._put_parts(key, scratch, facts, digests, replaced)
        in_memory = request.jpeg_bytes <= self._limits.in_memory_bytes
        return self._put_once(
            key, b"".join(parts_of(scratch, 1 << 20)) if in_memory else scratch, facts, digests, replaced
        )

    def put_small(self, key: str, data: bytes) -> None:
        """Put a few bytes in the same way as a JPEG; raises ErrorReply or StoreError."""
        self._put_once(key, data, {"ContentType": "text/plain"}, Digests(Digest.of(data)))

    def put_ours_again(self, client: S3Client, key: str, data: bytes) -> None:
        """Put over an object of photostat's own, which an earlier run could put but not delete."""
        client.put_object(
            Bucket=self._bucket.name,
            Key=key,
            Body=data,
            ContentType="text/plain",
            **self._checked(Digest.of(data)),
        )

    def clear(self, key: str, *, in_parts: bool) -> None:
        """Abort what an interrupted transfer began under this key, which the ledger reserves for one image.

        Asks the bucket for what killed uploaders have left at the first image that is sent in parts, and again about
        a key whose last transfer by this one failed. A store that cannot tell is asked again at the next such image."""
        with self._lock:
            if in_parts and not self._has_listed_unfinished:
                self._list_unfinished()
            if key not in self._maybe_unfinished:
                return
        for found, upload_id in self.unfinished(key):
            if found == key:
                self.abort(key, upload_id)
        with self._lock:
            self._maybe_unfinished.discard(key)

    def _list_unfinished(self) -> None:
        try:
            found = self.unfinished(self._bucket.location.prefix)
        except StoreError as error:
            log.warning("unfinished transfers of an earlier run may stay in the store: %s", error)
            return
        self._maybe_unfinished.update(key for key, _ in found)
        self._has_listed_unfinished = True

    def _put_once(
        self,
        key: str,
        body: bytes | BinaryIO,
        facts: dict[str, Any],
        digests: Digests,
        replaced: Replaced | None = None,
    ) -> bool:
        where: dict[str, Any] = {"Bucket": self._bucket.name, "Key": key}
        checked = self._checked(digests.whole)

        def request(client: S3Client, condition: dict[str, Any]) -> tuple[str | None, str | None]:
            if not isinstance(body, bytes):
                body.seek(0)
            reply = client.put_object(**where, Body=body, **facts, **checked, **condition)
            return reply.get("ETag"), reply.get("ChecksumCRC32")

        return digests.confirmed_by(*self._conditionally(f"storing {key}", request, replaced))

    def _put_parts(
        self,
        key: str,
        scratch: BinaryIO,
        facts: dict[str, Any],
        digests: Digests,
        replaced: Replaced | None,
    ) -> bool:
        with self._lock:
            self._maybe_unfinished.add(key)
        what = f"storing {key} in parts"
        where: dict[str, Any] = {"Bucket": self._bucket.name, "Key": key}
        algorithm: dict[str, Any] = {"ChecksumAlgorithm": "CRC32"} if self._with_crc32 else {}
        begun = self._bucket.call(what, lambda c: c.create_multipart_upload(**where, **facts, **algorithm))
        where["UploadId"] = begun["UploadId"]
        try:
            parts = self._put_each_part(what, where, scratch, digests)

            def complete(client: S3Client, condition: dict[str, Any]) -> tuple[str | None, str | None]:
                reply = client.complete_multipart_upload(
                    **where, MultipartUpload={"Parts": parts}, **condition
                )
                return reply.get("ETag"), reply.get("ChecksumCRC32")

            confirmed = digests.confirmed_by(*self._conditionally(what, complete, replaced))
        except (StoreError, ErrorReply):
            with contextlib.suppress(StoreError):  # otherwise `clear` aborts it before the next attempt
                self._abort(where)
                with self._lock:
                    self._maybe_unfinished.discard(key)
            raise
        with self._lock:
            self._maybe_unfinished.discard(key)
        return confirmed

    def _put_each_part(
        self, what: str, where: dict[str, Any], scratch: BinaryIO, digests: Digests
    ) -> list[CompletedPartTypeDef]:
        """Send the parts one after the other, each with its own retries; several images are sent at once already."""
        sent: list[CompletedPartTypeDef] = []
        bodies = parts_of(scratch, digests.part_bytes)
        for number, (body, digest) in enumerate(zip(bodies, digests.parts, strict=False), 1):
            checked = self._checked(digest)
            put_part = partial(_put_part, where=where, number=number, body=body, checked=checked)
            etag = with_retries(lambda: self._bucket.run(what, put_part), Backoff(), random.random)  # noqa: B023
            part: CompletedPartTypeDef = {"ETag": etag, "PartNumber": number}
            if self._with_crc32:
                part["ChecksumCRC32"] = digest.crc32_base64
            sent.append(part)
        return sent

    def _conditionally(
        self, what: str, request: Callable[[S3Client, dict[str, Any]], T], replaced: Replaced | None
    ) -> T:
        """The reply to a request with If-None-Match: *, or with If-Match if an object is replaced; without it once the
        store has refused the condition.

        From then on only the HEAD before every put protects the objects of others."""
        if replaced is not None:
            return self._replacing(what, request, replaced)
        if self._conditional:
            try:
                return self._bucket.call(what, lambda c: request(c, {"IfNoneMatch": "*"}))
            except ErrorReply as reply:
                if not _refuses_condition(reply):
                    raise
        answer = self._bucket.call(what, lambda c: request(c, {}))
        self._conditional = False
        return answer

    def _replacing(
        self, what: str, request: Callable[[S3Client, dict[str, Any]], T], replaced: Replaced
    ) -> T:
        if self._takes_if_match and replaced.etag:
            try:
                return self._bucket.call(what, lambda c: request(c, {"IfMatch": replaced.etag}))
            except ErrorReply as reply:
                if not _refuses_condition(reply):
                    raise
        answer = self._bucket.call(what, lambda c: request(c, {}))
        self._takes_if_match = not replaced.etag and self._takes_if_match
        return answer

    def _checked(self, digest: Digest) -> dict[str, Any]:
        checksums = {"ContentMD5": digest.md5_base64}
        return {**checksums, "ChecksumCRC32": digest.crc32_base64} if self._with_crc32 else checksums

    def unfinished(self, prefix: str) -> list[tuple[str, str]]:
        """(key, upload id) of the unfinished transfers under a prefix; none if the store refuses to list them."""
        found: list[tuple[str, str]] = []
        marker: dict[str, Any] = {}
        while True:
            try:
                page = self._bucket.call(
                    f"listing unfinished transfers under {prefix}",
                    lambda c: c.list_multipart_uploads(Bucket=self._bucket.name, Prefix=prefix, **marker),  # noqa: B023
                )
            except ErrorReply as reply:
                if reply.error.fault is FaultKind.TRANSIENT:
                    raise reply.error from None
                log.warning(
                    "the store does not list unfinished uploads, so those of an earlier run may stay: %s",
                    reply.error,
                )
                return []
            found += [(upload["Key"], upload["UploadId"]) for upload in page.get("Uploads", [])]
            if not page.get("IsTruncated"):
                return found
            marker = {
                "KeyMarker": page["NextKeyMarker"],
                "UploadIdMarker": page.get("NextUploadIdMarker", ""),
            }

    def abort(self, key: str, upload_id: str) -> None:
        """See `_abort`."""
        self._abort({"Bucket": self._bucket.name, "Key": key, "UploadId": upload_id})

    def _abort(self, where: dict[str, Any]) -> None:
        """Raises StoreError; an upload that is gone already counts as aborted."""
        try:
            self._bucket.call(
                f"aborting the parts of {where['Key']}", lambda c: c.abort_multipart_upload(**where)
            )
        except ErrorReply as reply:
            if reply.status != 404:
                raise reply.error from None


def _refuses_condition(reply: ErrorReply) -> bool:
    """By 501 Not Implemented, or by a 400 that has no other known reason."""
    if reply.status == _BAD_REQUEST:
        return reply.code == "NotImplemented" or reply.error.fault is FaultKind.ITEM
    return reply.status == _NOT_IMPLEMENTED


def _put_part(
    client: S3Client, where: dict[str, Any], number: int, body: bytes, checked: dict[str, Any]
) -> str:
    return client.upload_part(**where, PartNumber=number, Body=body, **checked)["ETag"]
