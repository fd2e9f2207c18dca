"""A local directory as the store: files appear whole and durable, and never replace another."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from engine.failures import Cause
from engine.files.regular_files import NotRegular, open_regular
from engine.messages import FaultKind, KnownStore, Stored, StoreRequest
from engine.store.bandwidth import BandwidthLimit
from engine.store.base import Leftover, LeftoverKind, StoredObject, StoreError, StoreTrial
from engine.store.errors import classify_os_error, not_the_images
from engine.store.local_files import (
    closing,
    file_id,
    give_name,
    holds,
    is_listed,
    is_taken,
    md5_of,
    open_or_make,
    sync,
    sync_file,
    walk,
    write_whole,
)
from engine.store.local_partials import PartialFiles
from engine.store.local_replacing import Changed, take_place
from engine.store.local_root import StoreRoot
from engine.store.partial_names import parse_partial
from engine.store.staged_file import CHUNK_BYTES, not_as_proved, open_staged, proved_chunks, verify

_PROBE_BODY = b"photostat was here\n"
_UNREADABLE = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO})
"""Errors of one file: the store has others that can be read."""
_LINK_HINT = "Mount what the link leads to, or correct the link: the engine then continues by itself."


class LocalStore:
    """JPEGs under `root`, at their targets. Several threads may use it; only one store of a process writes."""

    def __init__(
        self, root: Path, known: KnownStore | None = None, limit: BandwidthLimit | None = None
    ) -> None:
        """With a `limit` everything is copied, so that it holds for everything."""
        known = known or KnownStore()
        self.root = root
        self._directory = StoreRoot(root, known)
        self._limit = limit
        self._partials = PartialFiles(known.owner, known.host)
        self._broken = ""
        """The last directory in the store into which nothing could be put, for `write_probe`."""
        self._passed_over: list[Leftover] = []
        """Unfinished files that the last listing has met."""
        self._mode = 0o666 & ~_umask()

    def expect(self, known: KnownStore) -> None:
        """See Store."""
        self._directory.expect(known)

    def put(self, request: StoreRequest) -> Stored:
        """See Store. A file that waits on the same file system is linked, not copied, if nothing limits the pace."""
        began = time.monotonic()
        _check_key(request.target)
        try:
            with self._directory.opened() as root:
                existed = self._put(root, request)
        except OSError as error:
            raise self._classify(error, request.target) from error
        self._directory.stored(request.target, request.jpeg_bytes)
        return Stored(request.image_id, existed, time.monotonic() - began)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See Store; sizes only, for a listing reads no file."""
        self._passed_over.clear()
        try:
            with self._directory.opened_if_there() as root:
                if root is None:
                    return
                for key, status in walk(root, prefix):
                    partial = parse_partial(PurePosixPath(key).name)
                    if partial is None:
                        yield StoredObject(key, status.st_size, None)
                    else:
                        found = Leftover(LeftoverKind.PARTIAL_FILE, key, partial.owner, status.st_mtime)
                        self._passed_over.append(found)
                self._directory.check_still_there(root)
        except OSError as error:
            raise classify_os_error(error, f"listing {self.root}") from error

    def leftovers(self, prefix: str = "") -> Iterable[Leftover]:
        """See Store."""
        return tuple(self._passed_over)

    def remove(self, leftover: Leftover) -> None:
        """See Store."""
        try:
            with self._directory.opened_if_there() as root, contextlib.suppress(FileNotFoundError):
                os.unlink(leftover.key, dir_fd=root)
        except OSError as error:
            raise classify_os_error(error, f"removing {self.root / leftover.key}") from error

    @property
    def is_local(self) -> bool:
        """See Store."""
        return True

    def digest(self, key: str) -> str | None:
        """See Store."""
        _check_key(key)
        try:
            with self._directory.opened_if_there() as root:
                return None if root is None else md5_of(open_regular(key, root))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise classify_os_error(error, f"reading {self.root / key}") from error

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """See Store."""
        _check_key(key)
        try:
            with self._directory.opened_if_there() as root:
                if root is None:
                    return None
                with os.fdopen(open_regular(key, root), "rb") as file:
                    return file.read(most_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise classify_os_error(error, f"reading {self.root / key}") from error

    def fetch(self, key: str, out: BinaryIO) -> str | None:
        """See Store."""
        _check_key(key)
        try:
            with self._directory.opened_if_there() as root:
                descriptor = None if root is None else open_regular(key, root)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise classify_os_error(error, f"reading {self.root / key}") from error
        if descriptor is None:
            return None
        digest = hashlib.md5(usedforsecurity=False)
        with os.fdopen(descriptor, "rb") as file:
            while chunk := self._next_chunk(file, key):
                digest.update(chunk)
                out.write(chunk)
        return digest.hexdigest()

    def _next_chunk(self, file: BinaryIO, key: str) -> bytes:
        try:
            return file.read(CHUNK_BYTES)
        except OSError as error:
            raise classify_os_error(error, f"reading {self.root / key}") from error

    def probe(self) -> None:
        """See Store: the root, or the directory that it will be made in, is there and writable."""
        try:
            with self._directory.opened_if_there() as root:
                where = self.root if root is not None else self.root.parent
                volume = os.statvfs(where)
                if volume.f_flag & os.ST_RDONLY:
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(where))
                if not os.access(where, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(where))
                free_bytes = volume.f_bavail * volume.f_frsize
        except OSError as error:
            raise not_the_images(classify_os_error(error, f"looking at {self.root}")) from error
        if free_bytes < CHUNK_BYTES:
            raise StoreError(FaultKind.TRANSIENT, Cause.DISK_FULL, f"no space left where {self.root} is")

    def write_probe(self) -> StoreTrial:
        """See Store."""
        self.probe()
        try:
            with self._directory.opened() as root, self._partials.new(root) as (file, name):
                file.write(_PROBE_BODY)
                sync_file(file)
                is_kept = holds(name, root, _PROBE_BODY) and is_listed(name, root)
                self._try_broken(root)
        except OSError as error:
            raise not_the_images(classify_os_error(error, f"writing in {self.root}")) from error
        if not is_kept:
            text = f"writing in {self.root}: the file system has not kept what was written"
            raise StoreError(FaultKind.TRANSIENT, Cause.STORE_UNAVAILABLE, text)
        return StoreTrial()

    def overrule(self) -> bool:
        """See Store."""
        return self._directory.overrule()

    def close(self) -> None:
        """Nothing is kept open."""

    def _put(self, root: int, request: StoreRequest) -> bool:
        """True if an identical file was there already."""
        above, _, name = request.target.rpartition("/")
        with closing(self._open_or_make(root, above)) as directory:
            # Before the look, because an uploader that was killed in `give_name` leaves a file with two names.
            self._partials.sweep(directory, (file_id(os.fstat(root)), above))
            if is_taken(name, directory):
                if request.may_replace:
                    return self._replace(directory, request)
                self._compare(directory, request)
                return True
            with open_staged(request) as scratch:
                if self._limit or not self._link_scratch(scratch, request, directory):
                    self._copy(scratch, request, directory)
        return False

    def _open_or_make(self, root: int, path: str) -> int:
        """Raises StoreError if a link leads nowhere: other volumes may be part of the store. OSError otherwise."""
        try:
            return open_or_make(root, path)
        except FileNotFoundError:
            self._broken = path
            message = f"{self.root / path} cannot be made: a symbolic link on the way leads to nothing"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _LINK_HINT) from None

    def _classify(self, error: OSError, target: str) -> StoreError:
        found = classify_os_error(error, f"writing {self.root / target}")
        if found.fault is FaultKind.CONFIGURATION:
            self._broken = target.rpartition("/")[0]
        return found

    def _try_broken(self, root: int) -> None:
        """Raises as `put` does if nothing can be put into that directory still."""
        if self._broken:
            with closing(self._open_or_make(root, self._broken)) as directory, self._partials.new(directory):
                self._broken = ""

    def _link_scratch(self, scratch: BinaryIO, request: StoreRequest, directory: int) -> bool:
        """On the same file system the scratch file itself gets the final name: nothing is written twice."""
        if os.fstat(scratch.fileno()).st_dev != os.fstat(directory).st_dev:
            return False
        verify(scratch, request)
        os.fchmod(scratch.fileno(), self._mode)
        sync_file(scratch)
        try:
            os.link(request.scratch_path, PurePosixPath(request.target).name, dst_dir_fd=directory)
        except FileExistsError:
            self._compare(directory, request)
            return True
        except OSError:
            return False
        sync(directory)
        return True

    def _copy(self, scratch: BinaryIO, request: StoreRequest, directory: int) -> None:
        with self._partials.new(directory) as (file, partial):
            self._write(scratch, request, file)
            try:
                give_name(directory, partial, PurePosixPath(request.target).name)
            except FileExistsError:
                self._compare(directory, request)
            sync(directory)

    def _write(self, scratch: BinaryIO, request: StoreRequest, file: BinaryIO) -> None:
        """All of it, durable, and no faster than the limit."""
        for chunk in proved_chunks(scratch, request):
            for piece in self._limit.pieces(chunk) if self._limit else (chunk,):
                write_whole(file, piece)
        sync_file(file)
        if (size_bytes := os.fstat(file.fileno()).st_size) != request.jpeg_bytes:
            raise not_as_proved(
                request, f"has become {size_bytes} bytes there instead of {request.jpeg_bytes}"
            )

    def _replace(self, directory: int, request: StoreRequest) -> bool:
        """Puts the JPEG in the place of an object that it may replace, in one step; True if it is there already.

        Raises StoreError (`store-mismatch`) for any other object, which stays."""
        name, shown = PurePosixPath(request.target).name, self.root / request.target
        before = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(before.st_mode):
            raise _mismatch(shown, "is not an ordinary file")
        found = self._md5_there(directory, name, shown)
        if found == request.md5:
            return True
        if found not in request.may_replace:
            raise _mismatch(shown, f"has MD5 {found}, and not that of the JPEG that was to be replaced")
        with open_staged(request) as scratch, self._partials.new(directory) as (file, partial):
            self._write(scratch, request, file)
            try:
                take_place(directory, partial, name, before)
            except Changed:
                raise _mismatch(shown, "changed while it was to be replaced") from None
            except FileNotFoundError:  # somebody has just taken it away
                try:
                    give_name(directory, partial, name)
                except FileExistsError:
                    self._compare(directory, request)
            sync(directory)
        return False

    def _md5_there(self, directory: int, name: str, shown: Path) -> str:
        try:
            return md5_of(open_regular(name, directory))
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            raise _mismatch(shown, f"cannot be read: {error.strerror}") from error

    def _compare(self, directory: int, request: StoreRequest) -> None:
        """Raises StoreError (`store-mismatch`) unless the file there has the size and MD5 of the request."""
        name, shown = PurePosixPath(request.target).name, self.root / request.target
        try:
            descriptor = open_regular(name, directory)
        except NotRegular as error:
            raise _mismatch(shown, f"is {error.what}") from error
        except FileNotFoundError as error:
            if is_taken(name, directory):
                raise _mismatch(shown, "is a symbolic link to nothing") from error
            raise
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            raise _mismatch(shown, f"cannot be read: {error.strerror}") from error
        size_bytes = os.fstat(descriptor).st_size
        if size_bytes != request.jpeg_bytes:
            os.close(descriptor)
            raise _mismatch(shown, f"has {size_bytes} bytes, this JPEG {request.jpeg_bytes}")
        found = md5_of(descriptor)
        if found != request.md5:
            raise _mismatch(shown, f"has MD5 {found}, this JPEG {request.md5}")


def _check_key(key: str) -> None:
    if any(part in ("", ".", "..") or "\0" in part for part in key.split("/")):
        raise StoreError(FaultKind.ITEM, Cause.INTERNAL, f"{key!r} is no name for an object")


def _mismatch(final: Path, fact: str) -> StoreError:
    return StoreError(FaultKind.ITEM, Cause.STORE_MISMATCH, f"another file is at {final}: it {fact}")


def _umask() -> int:
    """The process's umask, which can only be read by setting it: call this before any thread starts."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
