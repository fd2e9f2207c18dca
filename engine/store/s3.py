"""An S3 bucket as the store: nothing overwritten, every object verified by the server and confirmed afterwards.

How a JPEG goes up: a HEAD tells whether the name is free. Then a conditional put (If-None-Match: *) with the
Content-MD5 of what was proved, and a CRC32 where the store takes one; the server refuses a body that differs.
The reply's ETag or checksum confirms it, else a HEAD, else reading the object back. A put whose reply was lost
is found by the next attempt's HEAD, and is ours when size and digest say so.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.config import StoreSettings
from engine.failures import Cause
from engine.messages import FaultKind, Stored, StoreRequest
from engine.store.base import Store, StoredObject, StoreError
from engine.store.checksums import Digests, digests_of, single_md5
from engine.store.retry import Backoff, with_retries
from engine.store.s3_client import Bucket, Limits, Reply
from engine.store.s3_upload import Upload
from engine.store.staged_file import open_scratch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ListObjectsV2OutputTypeDef

log = logging.getLogger(__name__)

CHECK_NAME = ".photostat-check"
"""The object `photostat check` puts and deletes."""
_CHECK_BODY = b"photostat was here\n"
_READ_BYTES = 1 << 20
_TAKEN = frozenset({409, 412})


def open_bucket(settings: StoreSettings, limits: Limits | None = None) -> Store:
    """The bucket and prefix that `[store] url` names; raises UserError on a URL it cannot read."""
    return S3Store(settings, limits or Limits())


class S3Store:
    """JPEGs under a prefix of a bucket. Safe to use from several threads."""

    def __init__(self, settings: StoreSettings, limits: Limits) -> None:
        self._bucket = Bucket(settings, limits)
        self._upload = Upload(self._bucket, limits, with_crc32=settings.checksum != "when_required")
        self._trying = threading.Lock()

    def expect(self, images: int) -> None:
        """See Store; a bucket that is not there does not look empty."""

    def put(self, request: StoreRequest) -> Stored:
        """See Store."""
        try:
            return self._put(request)
        except StoreError as fault:
            if fault.fault is FaultKind.ITEM and fault.failure.cause is Cause.STORE_DENIED:
                self._blame(fault)
            raise

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Store; but in the order of the server, and not every server's is that of the keys' bytes."""
        root = self._bucket.place.prefix
        token = ""
        while True:
            page = self._page(root + prefix, token)
            for entry in page.get("Contents", []):
                key = entry["Key"].removeprefix(root)
                if key != CHECK_NAME and not key.endswith("/"):  # consoles mark folders so
                    yield StoredObject(key, entry["Size"], single_md5(entry.get("ETag", "")))
            token = page.get("NextContinuationToken", "")
            if not token:
                return

    @property
    def is_local(self) -> bool:
        """See Store."""
        return False

    def digest(self, key: str) -> str | None:
        """See Store."""
        return with_retries(lambda: self._read_back(self._key(key)), Backoff(), random.random)

    def probe(self) -> None:
        """See Store: lists one key, for a HEAD's error says too little."""
        place = self._bucket.place
        what = f"listing s3://{place.bucket}/{place.prefix}"
        self._bucket.ask(
            what, lambda c: c.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1)
        )

    def write_probe(self) -> None:
        """See Store."""
        with self._trying:
            self._try_out(self._key(CHECK_NAME))

    def close(self) -> None:
        """See Store."""
        self._bucket.close()

    def _blame(self, refusal: StoreError) -> None:
        """Raises StoreError(CONFIGURATION) where the store refuses not one object but every one."""
        try:
            self.write_probe()
        except StoreError as fault:
            if fault.fault is FaultKind.ITEM:
                failure = refusal.failure
                hint = "The store refuses every object: ask those who run it, then resume."
                raise StoreError(FaultKind.CONFIGURATION, failure.cause, failure.message, hint) from None
            raise

    def _put(self, request: StoreRequest) -> Stored:
        began = time.monotonic()
        key = self._key(request.target)
        existed = self._is_there(key, request)
        self._upload.clear(key)
        if not existed:
            with open_scratch(request) as scratch:
                digests = digests_of(scratch, request, self._upload.part_bytes(request.jpeg_bytes))
                try:
                    confirmed = self._upload.put(key, scratch, request, digests)
                except Reply as reply:
                    if reply.status not in _TAKEN:
                        raise reply.fault from None
                    confirmed = existed = self._is_there(key, request)
                    if not existed:  # taken, and gone again, or not readable yet: look once more
                        raise reply.fault from None
                if not confirmed:
                    self._confirm(key, request, digests)
        return Stored(request.image_id, existed, time.monotonic() - began)

    def _try_out(self, key: str) -> None:
        self.probe()
        try:
            self._upload.put_small(key, _CHECK_BODY)
        except Reply as reply:
            # One that is there already shows that an earlier check could put, and not delete: enough to work with.
            if reply.status not in _TAKEN:
                raise reply.fault from None
        self._bucket.ask(f"looking at {key}", lambda c: c.head_object(Bucket=self._bucket.name, Key=key))
        try:
            self._bucket.ask(f"deleting {key}", lambda c: c.delete_object(Bucket=self._bucket.name, Key=key))
        except StoreError as fault:
            log.warning("the check's own object stays in the store: %s", fault)

    def _key(self, target: str) -> str:
        return self._bucket.place.prefix + target

    def _page(self, prefix: str, token: str) -> ListObjectsV2OutputTypeDef:
        where: dict[str, Any] = {"Bucket": self._bucket.name, "Prefix": prefix}
        if token:
            where["ContinuationToken"] = token
        what = f"listing s3://{self._bucket.name}/{prefix}"
        return with_retries(
            lambda: self._bucket.ask(what, lambda c: c.list_objects_v2(**where)), Backoff(), random.random
        )

    def _head(self, key: str) -> HeadObjectOutputTypeDef | None:
        what = f"looking at {key}"
        try:
            return self._bucket.call(
                what, lambda c: c.head_object(Bucket=self._bucket.name, Key=key, ChecksumMode="ENABLED")
            )
        except Reply as reply:
            if reply.status == 404:
                return None
            if reply.fault.fault is not FaultKind.TRANSIENT:
                self.probe()  # a HEAD's error has no text; a listing that fails has one
            raise reply.fault from None

    def _is_there(self, key: str, request: StoreRequest) -> bool:
        """Whether the object is there and is this JPEG; raises StoreError (`store-mismatch`) when it is another."""
        head = self._head(key)
        if head is None:
            return False
        size_bytes = head["ContentLength"]
        if size_bytes != request.jpeg_bytes:
            raise _mismatch(key, f"it has {size_bytes} bytes, this JPEG {request.jpeg_bytes}")
        if single_md5(head["ETag"]) == request.md5:
            return True
        # Sent in parts, or encrypted with a key: then the ETag is no digest, and only the bytes can tell.
        found = self._read_back(key)
        if found is not None and found != request.md5:
            raise _mismatch(key, f"it has MD5 {found}, this JPEG {request.md5}")
        return found is not None

    def _confirm(self, key: str, request: StoreRequest, digests: Digests) -> None:
        """Raises StoreError unless the object just put is what was sent; one that is not is taken away again."""
        head = self._head(key)
        if head is not None and head["ContentLength"] == request.jpeg_bytes:
            if digests.confirmed_by(head["ETag"], head.get("ChecksumCRC32")):
                return
            if self._read_back(key) == request.md5:
                return
        if head is not None:
            self._bucket.ask(f"deleting {key}", lambda c: c.delete_object(Bucket=self._bucket.name, Key=key))
        fact = "has not kept what was sent" if head else "does not have what it said it had stored"
        raise StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, f"storing {key}: the store {fact}")

    def _read_back(self, key: str) -> str | None:
        """The MD5 of the object's bytes; None when there is no such object."""
        try:
            return self._bucket.call(f"reading {key}", lambda c: _md5_of_object(c, self._bucket.name, key))
        except Reply as reply:
            if reply.status == 404:
                return None
            raise reply.fault from None


def _md5_of_object(client: S3Client, bucket: str, key: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_READ_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _mismatch(key: str, fact: str) -> StoreError:
    return StoreError(FaultKind.ITEM, Cause.STORE_MISMATCH, f"another object is at {key}: {fact}")
