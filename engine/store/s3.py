"""An S3 bucket as the store: nothing is overwritten, and every object is verified by the server and confirmed.

How a JPEG is uploaded: a HEAD tells whether the name is free. Then a conditional put (If-None-Match: *) sends it with
the Content-MD5 of what was proved, and with a CRC32 if the store takes one; the server refuses a body that differs.
The reply's ETag or checksum confirms the object, otherwise a HEAD, otherwise reading it back. If the reply to a put was
lost, the next attempt's HEAD finds the object, and size and MD5 show that it is ours.
"""

from __future__ import annotations

import hashlib
import logging
import random
import re
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from engine.config import StoreSettings
from engine.failures import Cause
from engine.messages import FaultKind, KnownStore, Stored, StoreRequest
from engine.store.bandwidth import BandwidthLimit
from engine.store.base import Leftover, LeftoverKind, Store, StoredObject, StoreError, StoreStep, StoreTrial
from engine.store.checksums import Digests, digests_of, single_md5
from engine.store.errors import not_the_images
from engine.store.retry import Backoff, with_retries
from engine.store.s3_client import Bucket, ErrorReply, S3Limits
from engine.store.s3_listing import Listing
from engine.store.s3_replies import page_instead_of
from engine.store.s3_upload import Replaced, Upload, metadata_of
from engine.store.staged_file import open_staged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        HeadObjectOutputTypeDef,
    )

log = logging.getLogger(__name__)

PROBE_KEY = ".photostat-check"
"""The object that `write_probe` puts and deletes; the workspace's owner follows after a hyphen, and the host."""
_PROBE_KEY = re.compile(rf"{re.escape(PROBE_KEY)}(-(?P<owner>[0-9a-f]{{16}})(-[0-9A-Za-z]+)?)?")
_PROBE_BODY = b"photostat was here\n"
_READ_BYTES = 1 << 20
_NAME_TAKEN = frozenset({409, 412})
_NAME_GONE = _NAME_TAKEN | {404}
"""The object that was to be replaced is another one now, or gone."""
_NO_SUCH_OBJECT = frozenset({"NoSuchKey", "NotFound"})


class _ReadBack(Struct, frozen=True):
    """What a GET has brought."""

    size_bytes: int
    md5: str


def open_s3_store(
    settings: StoreSettings,
    limits: S3Limits | None = None,
    owner: str = "",
    host: str = "",
    bandwidth: BandwidthLimit | None = None,
) -> Store:
    """The store at the bucket and prefix that `[store] url` names; raises UserError for any other URL."""
    return S3Store(settings, limits or S3Limits(), owner, host, bandwidth)


class S3Store:
    """JPEGs under a prefix of a bucket. Several threads may use it."""

    def __init__(
        self,
        settings: StoreSettings,
        limits: S3Limits,
        owner: str = "",
        host: str = "",
        bandwidth: BandwidthLimit | None = None,
    ) -> None:
        self._bucket = Bucket(settings, limits, bandwidth)
        whose = (owner, re.sub(r"[^0-9A-Za-z]", "", host)) if owner else ()
        self._probe_key = "-".join(part for part in (PROBE_KEY, *whose) if part)
        self._listing = Listing(self._bucket)
        self._upload = Upload(self._bucket, limits, with_crc32=settings.checksum != "when_required")
        self._passed_over: list[Leftover] = []
        """Objects of probes that the last listing has met."""
        self._writing_probe = threading.Lock()

    def expect(self, known: KnownStore) -> None:
        """See Store; a bucket that is not there does not look empty."""

    def overrule(self) -> bool:
        """See Store."""
        return False

    def put(self, request: StoreRequest) -> Stored:
        """See Store."""
        try:
            return self._put(request)
        except StoreError as error:
            if error.fault is FaultKind.ITEM and error.failure.cause is Cause.STORE_DENIED:
                self._raise_if_all_are_refused(error)
            raise

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Store; but in the server's order, which not on every server is the order of the keys' bytes."""
        self._passed_over.clear()
        root = self._bucket.location.prefix
        for entry in self._listing.entries(root + prefix):
            key = entry["Key"].removeprefix(root)
            if probe := _PROBE_KEY.fullmatch(key):
                self._passed_over.append(Leftover(LeftoverKind.PROBE_OBJECT, key, probe["owner"] or ""))
            elif not key.endswith("/"):  # how consoles mark a folder
                yield StoredObject(key, entry["Size"], single_md5(entry.get("ETag", "")))

    def leftovers(self, prefix: str = "") -> Iterable[Leftover]:
        """See Store; without unfinished uploads if the store does not list them."""
        yield from self._passed_over
        root = self._bucket.location.prefix
        for key, upload_id in self._upload.unfinished(root + prefix):
            yield Leftover(LeftoverKind.UNFINISHED_UPLOAD, key.removeprefix(root), upload_id=upload_id)

    def remove(self, leftover: Leftover) -> None:
        """See Store."""
        key = self._key(leftover.key)
        if leftover.kind is LeftoverKind.UNFINISHED_UPLOAD:
            self._upload.abort(key, leftover.upload_id)
        else:
            self._bucket.run(f"deleting {key}", lambda c: c.delete_object(Bucket=self._bucket.name, Key=key))

    @property
    def is_local(self) -> bool:
        """See Store."""
        return False

    def digest(self, key: str) -> str | None:
        """See Store."""
        return self._fetch(key, None)

    def fetch(self, key: str, out: BinaryIO) -> str | None:
        """See Store."""
        return self._fetch(key, out)

    def _fetch(self, key: str, out: BinaryIO | None) -> str | None:
        whole_key = self._key(key)
        found = with_retries(lambda: self._read_back(whole_key, out), Backoff(), random.random)
        if found is None:
            return None
        self._raise_unless_listed(whole_key, found.size_bytes, "GET")
        return found.md5

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """See Store."""
        whole_key = self._key(key)
        try:
            return self._bucket.call(
                f"reading {whole_key}",
                lambda c: c.get_object(Bucket=self._bucket.name, Key=whole_key)["Body"].read(most_bytes),
            )
        except ErrorReply as reply:
            if reply.code in _NO_SUCH_OBJECT:
                return None
            raise reply.error from None

    def probe(self) -> None:
        """See Store: lists one key, because an error reply to a HEAD has no text."""
        location = self._bucket.location
        what = f"listing s3://{location.bucket}/{location.prefix}"
        try:
            self._bucket.run(
                what, lambda c: c.list_objects_v2(Bucket=location.bucket, Prefix=location.prefix, MaxKeys=1)
            )
        except StoreError as error:
            raise not_the_images(error) from None

    def write_probe(self) -> StoreTrial:
        """See Store."""
        try:
            with self._writing_probe:
                return self._write_probe(self._key(self._probe_key))
        except StoreError as error:
            raise not_the_images(error) from None

    def close(self) -> None:
        """See Store."""
        self._bucket.close()

    def _raise_if_all_are_refused(self, refusal: StoreError) -> None:
        """Raises StoreError(CONFIGURATION) if the store refuses not this object alone but every one."""
        try:
            with self._writing_probe:
                self._write_probe(self._key(self._probe_key))
        except StoreError as error:
            if error.fault is FaultKind.ITEM:
                failure = refusal.failure
                hint = "The store refuses every object: ask those who run it, then resume."
                raise StoreError(FaultKind.CONFIGURATION, failure.cause, failure.message, hint) from None
            raise

    def _put(self, request: StoreRequest) -> Stored:
        began = time.monotonic()
        key = self._key(request.target)
        existed, replaced = self._find(key, request)
        self._upload.clear(key, in_parts=self._upload.part_bytes(request.jpeg_bytes) is not None)
        if not existed:
            with open_staged(request) as scratch:
                digests = digests_of(scratch, request, self._upload.part_bytes(request.jpeg_bytes))
                try:
                    confirmed = self._upload.put(key, scratch, request, digests, replaced)
                except ErrorReply as reply:
                    if reply.status not in (_NAME_GONE if request.may_replace else _NAME_TAKEN):
                        raise reply.error from None
                    confirmed = existed = self._find(key, request)[0]
                    if not existed:  # taken and gone again, or not readable yet: the next attempt looks again
                        raise _look_again(key, reply) if request.may_replace else reply.error from None
                if not confirmed:
                    self._confirm(key, request, digests)
        warnings = () if existed else metadata_of(request)[1]
        return Stored(request.image_id, existed, time.monotonic() - began, warnings)

    def _write_probe(self, key: str) -> StoreTrial:
        self.probe()
        try:
            self._upload.put_small(key, _PROBE_BODY)
        except ErrorReply as reply:
            if reply.status not in _NAME_TAKEN:
                raise reply.error from None
            self._bucket.run(f"storing {key}", lambda c: self._upload.put_ours_again(c, key, _PROBE_BODY))
        head = self._bucket.run(
            f"looking at {key}", lambda c: c.head_object(Bucket=self._bucket.name, Key=key)
        )
        self._raise_unless_listed(key, self._size(key, head), "HEAD")
        found = self._read_back(key)
        if found is None or found.md5 != hashlib.md5(_PROBE_BODY, usedforsecurity=False).hexdigest():
            foreign = page_instead_of("the bytes read back are not those that were put")
            text = f"reading {key}: {foreign}"
            raise StoreError(foreign.fault, Cause.STORE_UNAVAILABLE, text, foreign.hint)
        try:
            self._bucket.run(f"deleting {key}", lambda c: c.delete_object(Bucket=self._bucket.name, Key=key))
        except StoreError as error:
            if error.failure.cause is not Cause.STORE_DENIED:  # photostat hardly ever has to delete anything
                raise
            log.warning("the object of the write probe stays in the store: %s", error)
            return StoreTrial({StoreStep.DELETE: error.failure.message})
        return StoreTrial()

    def _key(self, target: str) -> str:
        return self._bucket.location.prefix + target

    def _head(self, key: str, *, again: bool = False) -> HeadObjectOutputTypeDef | None:
        what = f"looking at {key}"
        try:
            return self._bucket.call(
                what, lambda c: c.head_object(Bucket=self._bucket.name, Key=key, ChecksumMode="ENABLED")
            )
        except ErrorReply as reply:
            if reply.status == 404:
                return None
            if reply.error.fault is not FaultKind.TRANSIENT:
                self.probe()  # raises an error with a text, which the reply to a HEAD does not have
                if not again:  # boto3 may have learned the bucket's region from the probe
                    return self._head(key, again=True)
            raise reply.error from None

    def _find(self, key: str, request: StoreRequest) -> tuple[bool, Replaced | None]:
        """Whether this JPEG is there, and otherwise the object that it may replace, if that is there.

        Raises StoreError (`store-mismatch`) if another object is."""
        if not request.may_replace:
            return self._is_there(key, request), None
        head = self._head(key)
        if head is None:
            return False, None
        etag = head.get("ETag", "")
        md5 = single_md5(etag)
        if md5 not in (request.md5, *request.may_replace):
            found = self._read_back(key)
            again = self._head(key)
            if found is None or again is None or again.get("ETag", "") != etag:
                raise StoreError(
                    FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, f"{key} changed while it was read"
                )
            self._raise_unless_listed(key, found.size_bytes, "GET")
            md5 = found.md5
        if md5 == request.md5:
            return True, None
        if md5 in request.may_replace:
            return False, Replaced(etag)
        raise _mismatch(key, f"it has MD5 {md5}, and not that of the JPEG that was to be replaced")

    def _is_there(self, key: str, request: StoreRequest) -> bool:
        """Whether this JPEG is there; raises StoreError (`store-mismatch`) if another object is."""
        head = self._head(key)
        if head is None:
            return False
        size_bytes = self._size(key, head)
        if size_bytes != request.jpeg_bytes:
            self._raise_unless_listed(key, size_bytes, "HEAD")
            raise _mismatch(key, f"it has {size_bytes} bytes, this JPEG {request.jpeg_bytes}")
        if single_md5(head.get("ETag", "")) == request.md5:
            return True
        # If it was sent in parts, or encrypted with a key, its ETag is no MD5: only the bytes can tell.
        found = self._read_back(key)
        if found is not None and found.md5 != request.md5:
            self._raise_unless_listed(key, found.size_bytes, "GET")
            raise _mismatch(key, f"it has MD5 {found.md5}, this JPEG {request.md5}")
        return found is not None

    def _size(self, key: str, head: HeadObjectOutputTypeDef) -> int:
        """As the reply to a HEAD has it, otherwise as the listing does."""
        size_bytes = head.get("ContentLength")
        if size_bytes is None:
            size_bytes = self._listing.size(key)
        return -1 if size_bytes is None else size_bytes

    def _raise_unless_listed(self, key: str, size_bytes: int, method: str) -> None:
        """Any server can answer a HEAD or GET with 200; the listing, which is S3's, must show the same object.

        Raises StoreError (CONFIGURATION)."""
        listed = self._listing.size(key)
        if listed == size_bytes:
            return
        has = "does not have it" if listed is None else f"has {listed} bytes"
        reply = page_instead_of(f"a {method} shows an object of {size_bytes} bytes, and the listing {has}")
        text = f"looking at {key}: {reply}"
        raise StoreError(reply.fault, Cause.STORE_UNAVAILABLE, text, reply.hint)

    def _confirm(self, key: str, request: StoreRequest, digests: Digests) -> None:
        """Raises StoreError and deletes the object unless it is what was sent."""
        head = self._head(key)
        if head is not None and self._size(key, head) == request.jpeg_bytes:
            if digests.confirmed_by(head.get("ETag"), head.get("ChecksumCRC32")):
                return
            found = self._read_back(key)
            if found is not None and found.md5 == request.md5:
                return
        if (
            head is not None and not request.may_replace
        ):  # then it may be the one that stays until this is there
            self._bucket.run(f"deleting {key}", lambda c: c.delete_object(Bucket=self._bucket.name, Key=key))
        fact = "has not kept what was sent" if head else "does not have what it reported as stored"
        raise StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, f"storing {key}: the store {fact}")

    def _read_back(self, key: str, out: BinaryIO | None = None) -> _ReadBack | None:
        """Size and MD5 of the object's bytes, which are written into `out`; None if there is no such object."""
        try:
            return self._bucket.call(f"reading {key}", lambda c: _read_object(c, self._bucket.name, key, out))
        except ErrorReply as reply:
            if reply.code in _NO_SUCH_OBJECT:
                return None
            raise reply.error from None


def _read_object(client: S3Client, bucket: str, key: str, out: BinaryIO | None) -> _ReadBack:
    digest, size_bytes = hashlib.md5(usedforsecurity=False), 0
    if out is not None:  # an earlier attempt may have written a part
        out.seek(0)
        out.truncate()
    for chunk in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_READ_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        if out is not None:
            out.write(chunk)
    return _ReadBack(size_bytes, digest.hexdigest())


def _look_again(key: str, reply: ErrorReply) -> StoreError:
    """The next attempt finds out what is there now."""
    text = f"storing {key}: what was to be replaced has just changed: {reply.error.failure.message}"
    return StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)


def _mismatch(key: str, fact: str) -> StoreError:
    return StoreError(FaultKind.ITEM, Cause.STORE_MISMATCH, f"another object is at {key}: {fact}")
