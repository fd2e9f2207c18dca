"""The JPEG on scratch as the uploader reads it: the bytes that are read must be the bytes that were proved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.failures import Cause
from engine.messages import FaultKind, StoreRequest
from engine.store.base import StoreError
from engine.store.errors import classify_os_error

CHUNK_BYTES = 1 << 20


def open_staged(request: StoreRequest) -> BinaryIO:
    """The scratch file, open for reading; raises StoreError if it is gone or cannot be read."""
    try:
        return Path(request.scratch_path).open("rb", buffering=0)
    except FileNotFoundError:
        raise not_as_proved(request, "is gone") from None
    except OSError as error:
        raise classify_os_error(error, f"reading {request.scratch_path}") from error


def proved_chunks(file: BinaryIO, request: StoreRequest) -> Iterator[bytes]:
    """The file's bytes from its start, chunk by chunk.

    Raises StoreError after the last chunk if size or MD5 are not the request's: whoever reads to the end without an
    exception has had exactly the bytes that the worker proved."""
    file.seek(0)
    digest = hashlib.md5(usedforsecurity=False)
    size_bytes = 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size_bytes += len(chunk)
        if size_bytes > request.jpeg_bytes:
            break
        yield chunk
    if size_bytes != request.jpeg_bytes:
        raise not_as_proved(request, f"has {size_bytes} bytes or more instead of {request.jpeg_bytes}")
    if digest.hexdigest() != request.md5:
        raise not_as_proved(request, f"has MD5 {digest.hexdigest()} instead of {request.md5}")


def verify(file: BinaryIO, request: StoreRequest) -> None:
    """Read the whole file; raises StoreError unless it is what was proved."""
    for _ in proved_chunks(file, request):
        pass


def not_as_proved(request: StoreRequest, fact: str) -> StoreError:
    """The image has to be converted again, because what waited on scratch is not (any more) what was proved."""
    return StoreError(
        FaultKind.ITEM,
        Cause.PROOF_FAILED,
        f"the JPEG on scratch {fact} ({request.scratch_path})",
        "Requeue: the image is converted again. If this comes back, check the disk that scratch is on.",
    )
