"""Scratch: where JPEGs wait for the store. Which files there are this workspace's, for only these are ever removed.

Several workspaces may share a directory as scratch, and a person may name one that holds other things. So a workspace
keeps to a directory of its own in it, named after the ledger, and of what it finds there it removes only files with
the names it gives itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from engine.failures import UserError
from engine.messages import StoreRequest
from engine.workspace import CONFIG_NAME, SCRATCH_ADVICE, is_within

_OWN = "photostat-"
_DIRECTORY = re.compile(rf"{_OWN}[0-9a-f]{{16}}")
_JPEG = re.compile(r"([0-9]+)-[0-9]+-[0-9]+\.jpg")
_SWEPT = re.compile(r"[0-9]+-[0-9]+-[0-9]+\.jpg(\.part|\.pixels)?|room-[0-9]+\.trial")
_MOST_TRIAL_BYTES = 16 << 20


class Scratch:
    """This workspace's part of scratch."""

    def __init__(self, place: Path, root: Path, identity: str) -> None:
        """`place` is the directory of the settings, `root` the workspace's, `identity` the ledger's."""
        self.place = place
        self._root = root
        # A workspace that is moved takes the scratch inside it along; elsewhere a copy of it must not pass for it.
        inside, outside = _name(identity), _name(identity + os.path.realpath(root))
        self._names = (inside, outside)
        self.own = place / (inside if is_within(os.path.realpath(place), os.path.realpath(root)) else outside)
        self._made_place = False

    def prepare(self) -> None:
        """Makes the directory; raises UserError where nothing can be written there."""
        self._made_place = self._made_place or not self.place.exists()
        fault = self._cannot_write(1)
        if fault is not None:
            raise UserError(f"[engine] scratch: {fault}; {SCRATCH_ADVICE}")

    def jpeg_path(self, image_id: int, attempt: int) -> Path:
        """Where this attempt's JPEG will lie; its directory is there."""
        self.own.mkdir(parents=True, exist_ok=True)
        return self.own / f"{image_id}-{attempt}-{os.getpid()}.jpg"

    def remove_attempt(self, image_id: int, attempt: int) -> None:
        """Whatever a worker left of this attempt."""
        for leftover in self.own.glob(f"{image_id}-{attempt}-*"):
            if _SWEPT.fullmatch(leftover.name):
                leftover.unlink(missing_ok=True)

    def found(self, request: StoreRequest) -> StoreRequest | None:
        """The request with the path where its JPEG lies, whole as far as its size tells; None where it is not.

        A row may name a path from before the workspace was moved, or before scratch was; but what lies in another
        workspace, or in another's part of scratch, is not ours whatever the row says: this ledger is a copy then."""
        named = Path(request.scratch_path)
        for path in (named, self.own / named.name):
            if self._is_ours(path, request.image_id) and _has_size(path, request.jpeg_bytes):
                return replace(request, scratch_path=str(path))
        return None

    def sweep(self, kept: Collection[str]) -> None:
        """Remove what dead engines of this workspace left, but the JPEGs in `kept`, paths."""
        waiting = {os.path.basename(path) for path in kept}  # noqa: PTH119 - texts
        with contextlib.suppress(FileNotFoundError), os.scandir(self.own) as entries:
            for entry in entries:
                ours = entry.is_file(follow_symlinks=False) and _SWEPT.fullmatch(entry.name)
                if ours and entry.name not in waiting:
                    Path(entry.path).unlink(missing_ok=True)

    def leave(self) -> None:
        """Removes the directories that are empty and of our own making; what waits for the store stays."""
        with contextlib.suppress(OSError):
            self.own.rmdir()
        if self._made_place or self.place == self._root / "scratch":
            with contextlib.suppress(OSError):
                self.place.rmdir()

    def room_for(self, need_bytes: int) -> str | None:
        """None when so much, up to 16 MiB, can really be written there; else why not."""
        return self._cannot_write(max(1, min(need_bytes, _MOST_TRIAL_BYTES)))

    def _cannot_write(self, count: int) -> str | None:
        trial = self.own / f"room-{os.getpid()}.trial"
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            try:
                with trial.open("wb") as file:
                    file.write(bytes(count))
                    os.fsync(file.fileno())
            finally:
                trial.unlink(missing_ok=True)
        except OSError as error:
            return _describe_os_error(error, self.place)
        return None

    def _is_ours(self, path: Path, image_id: int) -> bool:
        match = _JPEG.fullmatch(path.name)
        if match is None or int(match[1]) != image_id:
            return False
        inside, outside = self._names
        if path.parent.name == outside:
            return True
        if _DIRECTORY.fullmatch(path.parent.name) and path.parent.name != inside:
            return False
        homes = [above for above in path.parents if os.path.exists(above / CONFIG_NAME)]  # noqa: PTH110 - asks no right
        return not homes or os.path.realpath(homes[0]) == os.path.realpath(self._root)


def _name(identity: str) -> str:
    return _OWN + hashlib.blake2b(os.fsencode(identity), digest_size=8).hexdigest()


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


def sources_in_scratch(source: str) -> str:
    """The message for a scratch directory in which a source of the ledger lies."""
    return f"there are sources in it, like {source}: {SCRATCH_ADVICE}"


def write_problem(place: Path) -> str | None:
    """Why no file can be made in this directory; None if one can. Leaves nothing behind."""
    made = [path for path in (place, *place.parents) if not path.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".photostat-", dir=place) as trial:
            trial.write(b"photostat was here\n")
            trial.flush()
    except OSError as error:
        return f"{_describe_os_error(error, place)}; {SCRATCH_ADVICE}"
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
    return None


def _describe_os_error(error: OSError, place: Path) -> str:
    """Why a directory, or a file in it, could not be made."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename or place}: not a directory"
    return f"{place}: {error.strerror}"
