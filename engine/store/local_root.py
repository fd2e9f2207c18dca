"""Whether the directory of a local store is the right one: it must show some of the files that the ledger knows.

Where a volume is not mounted, the directory below the mount point is there, and often not empty; another volume may be
mounted. A volume that comes back may have another device number. So the files decide, and they decide again whenever
another directory than before has the name. A marker file of ours would tell less: backups, and stores that an earlier
photostat has filled, have none.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from engine.failures import Cause
from engine.files.atomic_files import sync_directory
from engine.formatting import counted
from engine.messages import FaultKind, KnownObject, KnownStore
from engine.store.base import StoreError
from engine.store.errors import classify_os_error, not_the_images
from engine.store.local_files import FileId, closing, file_id, open_directory
from engine.store.mount_points import absent_mount, mounts_above

_ABSENT: FileId = (0, 0)
_REMEMBERED = 16
"""Of the files that this process has stored itself."""
_NAMED = 3
"""Of the files that are there instead."""
_MOUNT_HINT = (
    "Mount the volume: the engine then continues by itself. Or correct url under [store], "
    "then `photostat stop` and `run` again."
)
_NO_DIRECTORY_HINT = (
    "Move it away: the engine then continues by itself. Or correct url under [store], "
    "then `photostat stop` and `run` again."
)
_BARE_HINT = (
    "Mount it: the engine then continues by itself. If the directory is meant to be used without a volume, "
    "`photostat resume` in this hold goes on there."
)
_GONE_HINT = (
    "Mount the volume: the engine then continues by itself. If the files were taken away on purpose, "
    "`photostat resume` in this hold goes on without them; `photostat reconcile --requeue --lost` has them made again."
)


class StoreRoot:
    """The directory at `path`. Several threads may use it."""

    def __init__(self, path: Path, known: KnownStore) -> None:
        self.path = path
        self._known = known
        self._stored: deque[KnownObject] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()
        self._accepted: FileId | None = None
        """The directory that was found to be the right one."""
        self._mounts = 0
        """See `mounts_above`; of that directory."""
        self._refused: FileId | None = None
        """The directory that was the wrong one at the last look; None if it was the right one, or could not be seen."""
        self._overrule = False

    def expect(self, known: KnownStore) -> None:
        """From now on the ledger knows this of the store."""
        with self._lock:
            self._known = known

    def stored(self, target: str, jpeg_bytes: int) -> None:
        """This process has put a file there, or found it there."""
        with self._lock:
            self._stored.append(KnownObject(target, jpeg_bytes))

    def overrule(self) -> bool:
        """The directory that was refused at the last look is the right one all the same.

        True if it still does not show that by itself. Raises StoreError if there is another problem now: a person has
        not seen that one when they said so."""
        seen = self._refused
        try:
            with self.opened():
                return False
        except StoreError:
            if seen is None or self._refused != seen:
                raise
            self._overrule = True
        try:
            with self.opened():
                return True
        finally:
            self._overrule = False

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the right directory, which is made if nothing should be in it. Raises StoreError."""
        with closing(self._open_or_make()) as descriptor:
            yield descriptor

    @contextmanager
    def opened_if_there(self) -> Iterator[int | None]:
        """As `opened`; None if there is no directory, and nothing should be in it."""
        descriptor = self._open()
        if descriptor is None:
            yield None
            return
        with closing(descriptor):
            yield descriptor

    def check_still_there(self, descriptor: int) -> None:
        """Raises StoreError if another directory, or none, has the name now."""
        with self.opened_if_there() as now:
            if now is None or file_id(os.fstat(now)) != file_id(os.fstat(descriptor)):
                message = f"{self.path} is on another file system than before: was the volume unmounted?"
                raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _MOUNT_HINT)

    def _open_or_make(self) -> int:
        while (descriptor := self._open()) is None:
            try:
                self.path.mkdir()
                sync_directory(self.path.parent)
            except FileExistsError:
                continue
            except OSError as error:
                raise not_the_images(classify_os_error(error, f"making {self.path}")) from error
        return descriptor

    def _open(self) -> int | None:
        """None if there is no directory, and nothing should be in it."""
        with self._lock:
            self._refused = None
            try:
                descriptor = open_directory(self.path)
            except FileNotFoundError:
                self._check_absent()
                return None
            except OSError as error:
                raise self._not_opened(error) from error
            try:
                self._check(descriptor)
            except OSError as error:
                os.close(descriptor)
                raise not_the_images(classify_os_error(error, f"looking at {self.path}")) from error
            except StoreError:
                os.close(descriptor)
                raise
            return descriptor

    def _not_opened(self, error: OSError) -> StoreError:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            message = f"{self.path} is no directory"
            return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _NO_DIRECTORY_HINT)
        return not_the_images(classify_os_error(error, f"opening {self.path}"))

    def _check_absent(self) -> None:
        """Raises StoreError unless the directory may be made: its parent never is, because it may be a mount point."""
        if self.path.is_symlink():
            leads_to = self.path.readlink()
            message = f"{self.path} leads to {leads_to}, which is not there: is the volume mounted?"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _MOUNT_HINT)
        if not self.path.parent.is_dir():
            message = f"{self.path.parent} is not there: is the volume mounted?"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _MOUNT_HINT)
        if self._files() and not self._overrule:
            raise self._refuse(_ABSENT, "it is not there")
        self._check_mounted(_ABSENT)

    def _check_mounted(self, found: FileId) -> None:
        """Before the first file: raises StoreError if the directory is that below a mount point of this machine."""
        absent = None if self._overrule else absent_mount(self.path)
        if absent is not None:
            self._refused = found
            message = f"{self.path} is on {absent}, where /etc/fstab has a volume, and none is mounted there"
            raise StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _BARE_HINT)

    def _check(self, descriptor: int) -> None:
        """Raises StoreError unless this is the right directory."""
        found = file_id(os.fstat(descriptor))
        if found == self._accepted:
            return
        files = self._files()
        if files:
            is_right = self._overrule or _shows_one(descriptor, files)
        else:
            self._check_mounted(found)
            is_right = self._overrule or self._may_be_the_same(found)
        if not is_right:
            raise self._refuse(found, f"it {contents_of(descriptor)}")
        self._accepted, self._mounts = found, mounts_above(self.path)

    def _may_be_the_same(self, found: FileId) -> bool:
        """Without a file to tell it by: a volume's directory keeps its inode, and one more may have been mounted."""
        if self._accepted is None or self._accepted[1] == found[1]:
            return True
        return mounts_above(self.path) > self._mounts

    def _files(self) -> tuple[KnownObject, ...]:
        return (*self._known.sample, *self._stored)

    def _refuse(self, found: FileId, what: str) -> StoreError:
        self._refused = found
        count = max(self._known.images, len(self._stored))
        if count:
            images = f"the {counted(count, 'image')} that should be there"
            message = f"{self.path} shows none of {images} ({what}): is the volume mounted, and is it the right one?"
        else:
            message = f"{self.path} is another directory than before ({what}): was the volume unmounted?"
        return StoreError(FaultKind.CONFIGURATION, Cause.STORE_UNAVAILABLE, message, _GONE_HINT)


def _shows_one(directory: int, files: Iterable[KnownObject]) -> bool:
    """Raises OSError if none is there, and the file system cannot tell of all."""
    trouble: OSError | None = None
    for file in files:
        try:
            if _is_there(directory, file):
                return True
        except OSError as error:
            trouble = error
    if trouble is not None and trouble.errno != errno.ELOOP:
        raise trouble
    return False


def _is_there(directory: int, file: KnownObject) -> bool:
    """Whether the file is there with this size; raises OSError if the file system cannot tell."""
    try:
        found = os.stat(file.target, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == file.jpeg_bytes


def contents_of(directory: int) -> str:
    """What is in it, in a few words."""
    with os.scandir(directory) as entries:
        found = [os.fsencode(entry.name) for entry in islice(entries, _NAMED + 1)]
    names = sorted(name.decode("utf-8", "backslashreplace") for name in found)
    if not names:
        return "is empty"
    more = " and more" if len(names) > _NAMED else ""
    return f"has {', '.join(names[:_NAMED])}{more} in it"
