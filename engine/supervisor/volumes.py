"""How much space is free where the store, scratch and the ledger are. A file system that hangs costs one thread.

Each volume is looked at by a thread of its own, which nobody waits for; an answer that is old does not count."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from engine.config import Config, file_path
from engine.control.volume_snapshot import VolumeName, VolumeSnapshot
from engine.formatting import duration
from engine.workspace import Workspace

_LOOK_EVERY_S = 10.0
_OLD_AFTER_S = 30.0
_LEDGER_BYTES = 3000
"""That the ledger grows by for each image that is converted: its attempt and some events (measured: 2,200)."""
NO_SPACE_OF_S3 = "an S3 store does not say how much it can take"


class _Space(Struct, frozen=True):
    free_bytes: int
    total_bytes: int
    device: int
    at: float
    """Monotonic, s."""


class ComingBytes(Struct, frozen=True):
    """What the rest of the run will write."""

    images: int
    jpeg_bytes: int | None
    """None while nobody can know."""
    scratch_bytes: int
    """At once, at most."""


class Volumes:
    def __init__(self, paths: Mapping[VolumeName, Path]) -> None:
        self._paths = paths
        self._space: dict[VolumeName, _Space | OSError] = {}
        self._closing = threading.Event()
        self._began = time.monotonic()

    def open(self) -> None:
        for name in self._paths:
            threading.Thread(target=self._watch, args=(name,), name=f"space of {name}", daemon=True).start()

    def close(self) -> None:
        """Returns at once."""
        self._closing.set()

    def snapshot(self, now: float, coming: ComingBytes) -> tuple[VolumeSnapshot, ...]:
        """`now` is monotonic, s."""
        return tuple(self._one(name, now, coming) for name in VolumeName)

    def _watch(self, name: VolumeName) -> None:
        while not self._closing.is_set():
            try:
                self._space[name] = look(self._paths[name])
            except OSError as error:
                self._space[name] = error
            self._closing.wait(_LOOK_EVERY_S)

    def _one(self, name: VolumeName, now: float, coming: ComingBytes) -> VolumeSnapshot:
        if name not in self._paths:
            return VolumeSnapshot(name=name, problem=NO_SPACE_OF_S3)
        path, found = str(self._paths[name]), self._space.get(name)
        if isinstance(found, OSError):
            return VolumeSnapshot(name=name, path=path, problem=found.strerror or str(found))
        since = found.at if found is not None else self._began
        if now - since > _OLD_AFTER_S:
            problem = f"no answer for {duration(now - since)}"
            return VolumeSnapshot(name=name, path=path, problem=problem)
        if found is None:
            return VolumeSnapshot(name=name, path=path, problem="not known yet")
        needed = self._needed(found.device, coming)
        enough = None if needed is None else needed <= found.free_bytes
        return VolumeSnapshot(name, path, found.free_bytes, found.total_bytes, needed, enough)

    def _needed(self, device: int, coming: ComingBytes) -> int | None:
        """By all that are on this volume."""
        needs = {
            VolumeName.STORE: coming.jpeg_bytes,
            VolumeName.SCRATCH: coming.scratch_bytes,
            VolumeName.LEDGER: coming.images * _LEDGER_BYTES,
        }
        there = [
            name
            for name, space in self._space.items()
            if isinstance(space, _Space) and space.device == device
        ]
        wanted = [needs[name] for name in there]
        return None if None in wanted else sum(need or 0 for need in wanted)


def volume_paths(workspace: Workspace, config: Config) -> dict[VolumeName, Path]:
    """Absolute; without the store if that is no directory."""
    paths = {VolumeName.SCRATCH: workspace.scratch_dir(config), VolumeName.LEDGER: workspace.root}
    if config.store.url.startswith("file:"):
        paths[VolumeName.STORE] = workspace.root / Path(file_path(config.store.url)).expanduser()
    return {name: path.absolute() for name, path in paths.items()}


def look(path: Path) -> _Space:
    """The volume of a path, or of the nearest directory above it that is there. May never return; raises OSError."""
    while True:
        try:
            device, space = path.stat().st_dev, os.statvfs(path)
            break
        except FileNotFoundError:
            if path == path.parent:
                raise
            path = path.parent
    return _Space(space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize, device, time.monotonic())
