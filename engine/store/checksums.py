"""A JPEG's digests, of the whole and of its parts, and whether an S3 store's ETag or checksum confirms them."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from engine.messages import StoreRequest
from engine.store.staged_file import CHUNK_BYTES, verify

_SINGLE_ETAG = re.compile(r'"?([0-9a-f]{32})"?')


class Digest(Struct, frozen=True):
    """MD5 and CRC32 of one run of bytes, raw."""

    md5: bytes
    crc32: bytes

    @classmethod
    def of(cls, data: bytes) -> Digest:
        return cls(hashlib.md5(data, usedforsecurity=False).digest(), zlib.crc32(data).to_bytes(4, "big"))

    @property
    def md5_base64(self) -> str:
        return base64.b64encode(self.md5).decode()

    @property
    def crc32_base64(self) -> str:
        return base64.b64encode(self.crc32).decode()


class Digests(Struct, frozen=True):
    """Computed from the bytes that are sent; the server verifies every body against them."""

    whole: Digest
    parts: tuple[Digest, ...] = ()
    """Of each part; empty if it is sent in one put."""
    part_bytes: int = 0

    def confirmed_by(self, etag: str | None, crc32: str | None) -> bool:
        """Whether the ETag or the CRC32 of a reply shows that the store has these bytes.

        The ETag of an object sent in N parts is the MD5 of the parts' MD5s, its composite CRC32 the CRC32 of their
        CRC32s, both followed by `-N` (S3 user guide, "Checking object integrity"). The ETag of an encrypted object
        shows nothing."""
        if not self.parts:
            return single_md5(etag or "") == self.whole.md5.hex() or crc32 == self.whole.crc32_base64
        count = len(self.parts)
        of_md5s = hashlib.md5(b"".join(part.md5 for part in self.parts), usedforsecurity=False).hexdigest()
        of_crc32s = Digest.of(b"".join(part.crc32 for part in self.parts)).crc32_base64
        return (etag or "").strip('"') == f"{of_md5s}-{count}" or crc32 == f"{of_crc32s}-{count}"


def digests_of(scratch: BinaryIO, request: StoreRequest, part_bytes: int | None) -> Digests:
    """The digests of a scratch file; raises StoreError (`proof-failed`) unless it is what was proved.

    `part_bytes` is None if it is sent in one put."""
    verify(scratch, request)
    md5 = bytes.fromhex(request.md5)
    if part_bytes is not None:
        parts = tuple(Digest.of(part) for part in parts_of(scratch, part_bytes))
        return Digests(Digest(md5, b""), parts, part_bytes)
    crc32 = 0
    for chunk in parts_of(scratch, CHUNK_BYTES):
        crc32 = zlib.crc32(chunk, crc32)
    return Digests(Digest(md5, crc32.to_bytes(4, "big")))


def parts_of(scratch: BinaryIO, part_bytes: int) -> Iterator[bytes]:
    """The file from its start, in parts of this size; the last one may be smaller."""
    scratch.seek(0)
    while part := scratch.read(part_bytes):
        yield part


def single_md5(etag: str) -> str | None:
    """The ETag if it looks like an MD5, which it is unless the object is encrypted; None for an object in parts."""
    match = _SINGLE_ETAG.fullmatch(etag)
    return match[1] if match else None
