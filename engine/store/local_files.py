"""What a local store needs of a file system: directories held open, naming that never replaces, a sorted walk.

What is done through an open directory is done there, whatever is mounted over it or unmounted meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.files.regular_files import open_regular

_AT_FDCWD = -100
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_HERE = frozenset({errno.ENOENT, errno.ELOOP})

FileId = tuple[int, int]
"""Device and inode: two names with the same are one file, until it is unmounted."""


def file_id(found: os.stat_result) -> FileId:
    return found.st_dev, found.st_ino


def open_directory(name: Path | str, within: int | None = None) -> int:
    """A descriptor, which the caller closes. An automounter mounts what belongs there. Raises OSError."""
    return os.open(name, _DIRECTORY, dir_fd=within)


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Make the names in an open directory durable; a file system that cannot do this (some shares) is no error."""
    with contextlib.suppress(OSError):
        os.fsync(descriptor)


def open_or_make(root: int, path: str) -> int:
    """The directory at a relative path, made durably where it is missing; the caller closes the descriptor.

    Raises OSError: FileNotFoundError if a link on the way leads nowhere."""
    try:
        return open_directory(path or ".", root)
    except FileNotFoundError:
        above = os.dup(root)
    for name in path.split("/"):
        with closing(above):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=above)
                sync(above)
            below = open_directory(name, above)
        above = below
    return above


def is_taken(name: str, directory: int) -> bool:
    """Also by a link to nothing."""
    try:
        os.lstat(name, dir_fd=directory)
    except FileNotFoundError:
        return False
    return True


def is_listed(name: str, directory: int) -> bool:
    with os.scandir(directory) as entries:
        return any(entry.name == name for entry in entries)


def md5_of(descriptor: int) -> str:
    """Hexadecimal, of the whole file; closes the descriptor."""
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def holds(name: str, directory: int, data: bytes) -> bool:
    """Whether the file, read back, has these bytes."""
    with os.fdopen(open_regular(name, directory), "rb") as file:
        return file.read() == data


def write_whole(file: BinaryIO, chunk: bytes | memoryview) -> None:
    """Write the whole chunk to an unbuffered file, which may take less at once."""
    view = memoryview(chunk)
    while view:
        view = view[file.write(view) :]


def sync_file(file: BinaryIO) -> None:
    """Make its bytes durable."""
    file.flush()
    os.fsync(file.fileno())


def give_name(directory: int, partial: str, final: str) -> None:
    """Name a whole, durable file; raises FileExistsError if the name is taken, OSError otherwise.

    The name `partial` may stay beside it."""
    try:
        os.link(partial, final, src_dir_fd=directory, dst_dir_fd=directory)
    except FileExistsError:
        raise
    except OSError:  # no hard links on this file system: FAT, some network shares
        rename_without_replacing(partial, final, directory)


def rename_without_replacing(old: Path | str, new: Path | str, directory: int | None = None) -> None:
    """Rename; raises FileExistsError if `new` is taken, OSError otherwise.

    Linux's RENAME_NOREPLACE (renameat2(2)) checks and renames in one step. If the C library or the file system does
    not know it, the check comes before the rename; another writer could come in between, but the ledger's lock lets
    only one uploader write."""
    if _renameat2(old, new, directory, _RENAME_NOREPLACE):
        return
    try:
        os.lstat(new, dir_fd=directory)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))


def exchange(one: str, other: str, directory: int) -> bool:
    """Give each of two files the other's name, in one step; False if the system or the file system cannot do that.

    Raises OSError: FileNotFoundError if one of them is not there."""
    return _renameat2(one, other, directory, _RENAME_EXCHANGE)


def _renameat2(old: Path | str, new: Path | str, directory: int | None, flag: int) -> bool:
    """False if the C library, the system or the file system does not know it. Raises OSError."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return False
    where = _AT_FDCWD if directory is None else directory
    if call(where, os.fsencode(old), where, os.fsencode(new), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(new))


def walk(root: int, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """(key, status) of every file below an open directory whose key starts with `prefix`, streaming.

    The keys come in the order of their UTF-8 bytes, as S3 lists objects. A symbolic link counts as what it leads to;
    one that leads nowhere, or back up, is left out. Raises OSError."""
    yield from _walk(os.dup(root), "", prefix, frozenset())


def _walk(
    directory: int, above: str, prefix: str, ancestors: frozenset[FileId]
) -> Iterator[tuple[str, os.stat_result]]:
    with closing(directory):
        own = file_id(os.fstat(directory))
        if own in ancestors:
            return
        with os.scandir(directory) as entries:
            found = [(entry.name, status) for entry in entries if (status := _status(entry)) is not None]
        # A directory sorts as its keys will: "a/" comes after "a.jpg", because "." is before "/".
        named = [(name + "/" if stat.S_ISDIR(status.st_mode) else name, status) for name, status in found]
        for name, status in sorted(named, key=lambda pair: os.fsencode(pair[0])):
            key = above + name
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from _walk(open_directory(name, directory), key, prefix, ancestors | {own})
            elif key.startswith(prefix):
                yield key, status


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for what was removed meanwhile, and for a link that leads nowhere."""
    try:
        return entry.stat()
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        raise
