"""A local directory as the store: files appear whole and durable, and never replace another."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from engine.atomic_files import sync_directory
from engine.failures import Cause
from engine.messages import FaultKind, Stored, StoreRequest
from engine.regular_files import open_bytes
from engine.store.base import StoredObject, StoreError, StoreTrial
from engine.store.errors import classify_os_error
from engine.store.local_files import give_name, is_left_behind, is_partial, partial_name, walk
from engine.store.staged_file import CHUNK_BYTES, open_staged, proved_chunks, verify

_PROBE_BODY = b"photostat was here\n"
_MOUNT_HINT = (
    "Mount the volume, then resume; or correct url under [store], then `photostat stop` and `run` again."
)
_EMPTY_HINT = (
    "Mount the volume, then resume. If the files are gone for good, `photostat reconcile --requeue` requeues "
    "their images."
)


class LocalStore:
    """JPEGs under `root`, at their targets. Several threads may use it; only one store of a process writes."""

    def __init__(self, root: Path, images_expected: int = 0) -> None:
        self.root = root
        self._images_expected = images_expected
        self._lock = threading.Lock()
        self._ready: set[Path] = set()
        """Directories that are there, without partial files of other processes."""
        self._device: int | None = None
        """The file system that the root is on. If it changes, the volume went away."""
        self._mode = 0o666 & ~_umask()

    def expect(self, images: int) -> None:
        """See Store."""
        self._images_expected = images

    def put(self, request: StoreRequest) -> Stored:
        """See Store. A file that waits on the same file system is linked, not copied."""
        began = time.monotonic()
        final = self._path(request.target)
        try:
            existed = self._put(request, final)
        except OSError as error:
            raise classify_os_error(error, f"writing {final}") from error
        return Stored(request.image_id, existed, time.monotonic() - began)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Store; sizes only, for a listing reads no file."""
        try:
            for key, size_bytes in walk(self.root, prefix):
                if not is_partial(PurePosixPath(key).name):
                    yield StoredObject(key, size_bytes, None)
        except OSError as error:
            raise classify_os_error(error, f"listing {self.root}") from error

    @property
    def is_local(self) -> bool:
        """See Store."""
        return True

    def digest(self, key: str) -> str | None:
        """See Store."""
        path = self._path(key)
        try:
            with open_bytes(path) as file:
                return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise classify_os_error(error, f"reading {path}") from error

    def probe(self) -> None:
        """See Store: the root, or the directory that it will be made in, is there and writable."""
        try:
            self._check_root(make=False)
            where = self.root if self.root.is_dir() else self.root.parent
            if not os.access(where, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(where))
            free_bytes = os.statvfs(where).f_bavail * os.statvfs(where).f_frsize
        except OSError as error:
            raise classify_os_error(error, f"looking at {self.root}") from error
        if free_bytes < CHUNK_BYTES:
            raise StoreError(FaultKind.TRANSIENT, Cause.DISK_FULL, f"no space left where {self.root} is")

    def write_probe(self) -> StoreTrial:
        """See Store."""
        self.probe()
        path = self.root / partial_name()
        try:
            self._check_root(make=True)
            try:
                with path.open("xb") as file:
                    file.write(_PROBE_BODY)
                    _sync(file)
                is_kept = path.read_bytes() == _PROBE_BODY and path in self.root.iterdir()
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise classify_os_error(error, f"writing {path}") from error
        if not is_kept:
            text = f"writing {path}: the file system has not kept what was written"
            raise StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)
        return StoreTrial()

    def close(self) -> None:
        """Nothing is kept open."""

    def _path(self, target: str) -> Path:
        parts = target.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise StoreError(FaultKind.ITEM, Cause.INTERNAL, f"{target!r} is no name for an object")
        return self.root.joinpath(*parts)

    def _put(self, request: StoreRequest, final: Path) -> bool:
        """True if an identical file was there already."""
        self._check_root(make=True)
        # Before the look, because an uploader that was killed in `give_name` leaves a file with two names.
        self._prepare(final.parent)
        if final.exists():
            self._compare(final, request)
            return True
        with open_staged(request) as scratch:
            if not self._link_scratch(scratch, request, final):
                self._copy(scratch, request, final)
        return False

    def _check_root(self, make: bool) -> None:
        """Raises StoreError if the root's volume is not there (any more).

        The root's parent is never made: if it is missing, a mount is missing, and the files would be written to the
        disk below. Nor is anything written to an empty root that should be full."""
        with self._lock:
            if self._device is None:
                self._check_volume()
                if make:
                    self._make_root()
            try:
                device = self.root.stat().st_dev
            except FileNotFoundError:
                if self._device is None and not make:  # `write_probe` or `put` makes it
                    return
                raise
            if make and self._device is None:
                self._device = device
        if self._device not in (None, device):
            message = f"{self.root} is on another file system than before: was the volume unmounted?"
            raise StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, message)

    def _check_volume(self) -> None:
        """Before the first use: the volume is there, and not empty if the ledger has images in it."""
        if not self.root.parent.is_dir():
            message = f"{self.root.parent} is not there: is the volume mounted?"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _MOUNT_HINT)
        count = self._images_expected
        if count and next(walk(self.root), None) is None:
            message = f"{self.root} is empty, and {count} images should be there: is the volume mounted?"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _EMPTY_HINT)

    def _make_root(self) -> None:
        with contextlib.suppress(FileExistsError):
            self.root.mkdir()
            sync_directory(self.root.parent)

    def _prepare(self, directory: Path) -> None:
        """Make the directory, durably; in the first call for it, remove what a killed uploader left there."""
        with self._lock:
            if directory in self._ready and directory.is_dir():
                return
            upwards = [directory, *directory.parents]
            for path in reversed(upwards[: upwards.index(self.root)]):
                with contextlib.suppress(FileExistsError):
                    path.mkdir()
                    sync_directory(path.parent)
            with os.scandir(directory) as entries:
                leftovers = [
                    e for e in entries if is_left_behind(e.name, e.stat(follow_symlinks=False).st_mtime)
                ]
            for entry in leftovers:
                Path(entry.path).unlink(missing_ok=True)
            self._ready.add(directory)

    def _link_scratch(self, scratch: BinaryIO, request: StoreRequest, final: Path) -> bool:
        """On the same file system the scratch file itself gets the final name: nothing is written twice."""
        if os.fstat(scratch.fileno()).st_dev != final.parent.stat().st_dev:
            return False
        verify(scratch, request)
        os.fchmod(scratch.fileno(), self._mode)
        _sync(scratch)
        try:
            os.link(request.scratch_path, final)
        except FileExistsError:
            self._compare(final, request)
            return True
        except OSError:
            return False
        sync_directory(final.parent)
        return True

    def _copy(self, scratch: BinaryIO, request: StoreRequest, final: Path) -> None:
        partial = final.parent / partial_name()
        try:
            with partial.open("xb", buffering=0) as file:
                for chunk in proved_chunks(scratch, request):
                    _write(file, chunk)
                _sync(file)
            try:
                give_name(partial, final)
            except FileExistsError:
                self._compare(final, request)
            sync_directory(final.parent)
        finally:
            partial.unlink(missing_ok=True)

    def _compare(self, final: Path, request: StoreRequest) -> None:
        """Raises StoreError (`store-mismatch`) unless that file has the size and MD5 of the request."""
        status = final.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _mismatch(final, "is no ordinary file")
        if status.st_size != request.jpeg_bytes:
            raise _mismatch(final, f"has {status.st_size} bytes, this JPEG {request.jpeg_bytes}")
        with open_bytes(final) as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != request.md5:
            raise _mismatch(final, f"has MD5 {found}, this JPEG {request.md5}")


def _mismatch(final: Path, fact: str) -> StoreError:
    return StoreError(FaultKind.ITEM, Cause.STORE_MISMATCH, f"another file is at {final}: it {fact}")


def _write(file: BinaryIO, chunk: bytes) -> None:
    """Write the whole chunk to an unbuffered file, which may take less at once."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _umask() -> int:
    """The process's umask, which can only be read by setting it: call this before any thread starts."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
