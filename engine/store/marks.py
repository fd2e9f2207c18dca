"""Whether a directory is the store of the engine on another machine: it shows the mark that the engine has left there.

Before the first image there is nothing else to tell it by, and a directory of the same name is soon made. And several
machines may give the same name only where the file system links: otherwise a name is looked at, and then taken.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.failures import Cause
from engine.messages import FaultKind, KnownStore
from engine.store.base import StoreError
from engine.store.errors import classify_os_error, not_the_images
from engine.store.local_files import closing, open_directory
from engine.store.local_root import StoreRoot, contents_of
from engine.store.partial_names import partial_name

_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV})


@contextmanager
def mark_left(path: Path, known: KnownStore) -> Iterator[str]:
    """The name of a new file in the store at `path`, which is made if it may be; gone afterwards. Raises StoreError."""
    try:
        with StoreRoot(path, known).opened() as root, _made(root, known) as mark:
            _try_link(root, mark, path)
            yield mark
    except OSError as error:
        raise not_the_images(classify_os_error(error, f"writing in {path}")) from error


def check_mark(path: Path, mark: str, known: KnownStore) -> None:
    """Raises StoreError unless the directory at `path` has this mark, and can be written and linked in."""
    try:
        with closing(open_directory(path)) as root:
            if not _has(root, mark):
                message = (
                    f"{path} is another directory here than where the engine is (it {contents_of(root)})"
                )
                raise _wrong(message)
            with _made(root, known) as own:
                _try_link(root, own, path)
    except FileNotFoundError:
        raise _wrong(f"{path}, the store, is not here") from None
    except NotADirectoryError:
        raise _wrong(f"{path}, the store, is no directory here") from None
    except OSError as error:
        raise not_the_images(classify_os_error(error, f"writing in {path}")) from error


def _wrong(message: str) -> StoreError:
    hint = "Mount the store under the same path as where the engine is."
    return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, hint)


@contextmanager
def _made(root: int, known: KnownStore) -> Iterator[str]:
    name = partial_name(known.owner, known.host)
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=root))
    try:
        yield name
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=root)


def _try_link(root: int, own: str, path: Path) -> None:
    """A file of one's own: others may not be linked by everybody."""
    second = partial_name()
    try:
        os.link(own, second, src_dir_fd=root, dst_dir_fd=root)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        message = f"the file system of {path} makes no hard links ({error.strerror})"
        hint = (
            "Without them several machines could overwrite each other's JPEGs: put the store on a file system that has "
            "them, as NFS does, or use s3://."
        )
        raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, hint) from error
    os.unlink(second, dir_fd=root)


def _has(root: int, name: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.lstat(name, dir_fd=root)
        return True
    return False
