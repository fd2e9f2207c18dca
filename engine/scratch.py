"""Scratch: where JPEGs wait for the store, and which files there belong to this workspace and may be removed.

Several workspaces may share a directory as scratch, and a person may name one that has other things in it. So each
workspace uses a directory of its own in it, named after its ledger, and removes only files there that have names which
photostat gives.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import Struct, structs

from engine.failures import UserError
from engine.memory.available import is_memory_filesystem
from engine.messages import StoreRequest
from engine.workspace import CONFIG_NAME, SCRATCH_ADVICE, is_within

_DIRECTORY_PREFIX = "photostat-"
_OWN_DIRECTORY = re.compile(rf"{_DIRECTORY_PREFIX}[0-9a-f]{{16}}")
_JPEG = re.compile(r"([0-9]+)-[0-9]+-[0-9]+\.jpg")
_REMOVABLE = re.compile(r"[0-9]+-[0-9]+-[0-9]+\.jpg(\.part|\.pixels)?|room-[0-9]+\.trial")
_MOST_TRIAL_BYTES = 16 << 20
DISK_ERRORS = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),
        *(errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO),
    }
)
"""Of a disk that is full, has turned read-only, or fails: no file there is at fault."""


class Scratch:
    """This workspace's part of scratch."""

    def __init__(self, directory: Path, root: Path, identity: str) -> None:
        """`directory` is the one in the settings, `root` the workspace's, `identity` the ledger's."""
        self.directory = directory
        self._root = root
        # Scratch inside a workspace moves with it. Outside, the workspace's path is part of the name, so that a copy of
        # the workspace does not share the original's files.
        inside, outside = _name(identity), _name(identity + os.path.realpath(root))
        self._names = (inside, outside)
        self.own = directory / (
            inside if is_within(os.path.realpath(directory), os.path.realpath(root)) else outside
        )
        self._in_memory: bool | None = None
        self._made_directory = False
        self._to_remove: set[Path] = set()
        """Files that are not needed any more, and could not be removed yet."""

    def prepare(self) -> str | None:
        """Make the directory. Raises UserError if it can be none; returns the problem of a disk that is full, or not
        writable for now."""
        self._made_directory = self._made_directory or not self._is_there()
        try:
            self._write_trial(1)
        except OSError as error:
            problem = _describe_os_error(error, self.directory)
            if error.errno in DISK_ERRORS:
                return problem
            raise UserError(f"[engine] scratch: {problem}; {SCRATCH_ADVICE}") from error
        return None

    def _is_there(self) -> bool:
        return os.path.lexists(self.directory)

    def make_directory(self) -> str | None:
        """Before files are written there. Returns why that is not possible now."""
        try:
            self.own.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return _describe_os_error(error, self.directory)
        return None

    @property
    def in_memory(self) -> bool | None:
        """Whether files there are in memory (tmpfs), so that they save none; None while nobody knows."""
        if self._in_memory is None and self.make_directory() is None:
            self._in_memory = is_memory_filesystem(self.own)
        return self._in_memory

    def jpeg_path(self, image_id: int, attempt: int) -> Path:
        """Where this attempt's JPEG will be."""
        return self.own / f"{image_id}-{attempt}-{os.getpid()}.jpg"

    def remove(self, path: Path) -> None:
        """Now, or later if the disk does not allow it now."""
        self._to_remove.add(path)
        self.removal_problem()

    def removal_problem(self) -> str | None:
        """Why files that are not needed any more are still there, after another attempt; None if there are none."""
        for path in list(self._to_remove):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                return _describe_os_error(error, self.directory)
            self._to_remove.discard(path)
        return None

    def remove_attempt(self, image_id: int, attempt: int) -> None:
        """Remove whatever a worker left of this attempt."""
        self._remove_leftovers(lambda name: name.startswith(f"{image_id}-{attempt}-"))

    def _remove_leftovers(self, is_leftover: Callable[[str], bool]) -> None:
        try:
            with os.scandir(self.own) as entries:
                ours = [
                    Path(entry.path)
                    for entry in entries
                    if _REMOVABLE.fullmatch(entry.name)
                    and is_leftover(entry.name)
                    and entry.is_file(follow_symlinks=False)
                ]
        except OSError:  # what cannot be seen now is removed by the next engine
            return
        for path in ours:
            self.remove(path)

    def locate(self, request: StoreRequest) -> StoreRequest | None:
        """The request with the path of its JPEG, if that is there and has the right size; otherwise None.

        The ledger may have a path from before the workspace or scratch was moved. But a file in another workspace, or
        in another's part of scratch, is not ours even if the ledger names it: this ledger is a copy then."""
        named = Path(request.scratch_path)
        for path in (named, self.own / named.name):
            if self._is_ours(path, request.image_id) and _has_size(path, request.jpeg_bytes):
                return structs.replace(request, scratch_path=str(path))
        return None

    def jpegs(self) -> dict[str, int]:
        """The verified JPEGs that are there: bytes, by their paths."""
        try:
            with os.scandir(self.own) as entries:
                return {
                    entry.path: entry.stat(follow_symlinks=False).st_size
                    for entry in entries
                    if _JPEG.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                }
        except OSError:  # what cannot be seen now is made again
            return {}

    def sweep(self, kept: Collection[str]) -> None:
        """Remove what earlier engines of this workspace left, except the JPEGs with the paths in `kept`."""
        waiting = {os.path.basename(path) for path in kept}  # noqa: PTH119 - texts
        self._remove_leftovers(lambda name: name not in waiting)

    def remove_if_empty(self) -> None:
        """Remove our directories if they are empty; what waits for the store stays."""
        with contextlib.suppress(OSError):
            self.own.rmdir()
        if self._made_directory or self.directory == self._root / "scratch":
            with contextlib.suppress(OSError):
                self.directory.rmdir()

    def space_problem(self, need_bytes: int) -> str | None:
        """Why so many bytes, up to 16 MiB, cannot be written there now; None if they can."""
        try:
            self._write_trial(max(1, min(need_bytes, _MOST_TRIAL_BYTES)))
        except OSError as error:
            return _describe_os_error(error, self.directory)
        return self.removal_problem()

    def _write_trial(self, count: int) -> None:
        trial = self.own / f"room-{os.getpid()}.trial"
        self.own.mkdir(parents=True, exist_ok=True)
        try:
            with trial.open("wb") as file:
                file.write(bytes(count))
                os.fsync(file.fileno())
        finally:
            with contextlib.suppress(OSError):
                trial.unlink(missing_ok=True)

    def _is_ours(self, path: Path, image_id: int) -> bool:
        match = _JPEG.fullmatch(path.name)
        if match is None or int(match[1]) != image_id:
            return False
        inside, outside = self._names
        if path.parent.name == outside:
            return True
        if _OWN_DIRECTORY.fullmatch(path.parent.name) and path.parent.name != inside:
            return False
        # os.path.exists, because Path.exists raises PermissionError.
        workspaces = [above for above in path.parents if os.path.exists(above / CONFIG_NAME)]  # noqa: PTH110
        return not workspaces or os.path.realpath(workspaces[0]) == os.path.realpath(self._root)


class Leftovers(Struct, frozen=True):
    """What is on scratch while nobody works there."""

    jpegs: int
    unfinished: int
    size_bytes: int

    @classmethod
    def of(cls, directory: Path) -> Leftovers:
        """Of all workspaces; what cannot be seen does not count."""
        sizes: dict[bool, list[int]] = {True: [], False: []}
        for part in directory.glob(f"{_DIRECTORY_PREFIX}*"):
            if not _OWN_DIRECTORY.fullmatch(part.name):
                continue
            with contextlib.suppress(OSError), os.scandir(part) as entries:
                for entry in entries:
                    if _REMOVABLE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        is_jpeg = _JPEG.fullmatch(entry.name) is not None
                        sizes[is_jpeg].append(entry.stat(follow_symlinks=False).st_size)
        return cls(len(sizes[True]), len(sizes[False]), sum(sizes[True]) + sum(sizes[False]))


def _name(identity: str) -> str:
    return _DIRECTORY_PREFIX + hashlib.blake2b(os.fsencode(identity), digest_size=8).hexdigest()


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


def sources_in_scratch(source: str) -> str:
    """The message for a scratch directory with a source of the ledger in it."""
    return f"there are sources in it, like {source}: {SCRATCH_ADVICE}"


def write_problem(directory: Path) -> str | None:
    """Why no file can be made in this directory; None if one can. Leaves nothing behind."""
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".photostat-", dir=directory) as trial:
            trial.write(b"photostat was here\n")
            trial.flush()
    except OSError as error:
        advice = "free space there, or make it writable" if error.errno in DISK_ERRORS else SCRATCH_ADVICE
        return f"{_describe_os_error(error, directory)}; {advice}"
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
    return None


def _describe_os_error(error: OSError, directory: Path) -> str:
    """Why a directory, or a file in it, could not be made."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename or directory}: not a directory"
    return f"{directory}: {error.strerror}"
