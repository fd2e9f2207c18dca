"""Whether the whole share with the sources is away, or only one file is missing.

A share that is away must not fail 100,000 rows, and one missing file must not hold them all. The neighbours of the
missing source decide: other sources of the export, some of which have been seen before. Those that share the deepest
directory with it count first. If one of them is there, so is the share. If all of them are gone, the share is away if
some had been seen before. If none was ever seen, more of them must be gone, and the same directory must be missing for
all, as under a mount point when nothing is mounted.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import PurePath

from msgspec import Struct

from engine.messages import NeighbourSource, ShareAway

AWAY_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        *("ESTALE", "EIO", "EREMOTEIO", "ENODEV", "ENXIO", "ENOMEDIUM"),
        *("ENOTCONN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ESHUTDOWN", "ETIMEDOUT"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)
"""Errors of network file systems and unplugged disks, which a single missing file never causes."""

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
_GONE_IF_SEEN = 3
"""If so many other representations are gone, one of them seen before, the share is away."""
_GONE_IF_UNSEEN = 5
"""The same if none was ever seen and the same directory is missing for all."""
_GONE_IF_UNSEEN_AND_APART = 16
"""The same if none was ever seen and different directories are missing."""


class Disk(Struct, frozen=True):
    """The questions that are asked of the file system; tests answer them otherwise."""

    error: Callable[[str], int]
    """0 if the path is there, otherwise the number of the error."""
    is_bare: Callable[[str], bool]
    """A directory without entries, except `lost+found` and hidden ones: a mount point, for example."""


class ShareCheck:
    """Remembers a few sources that were there, and uses them to explain one that is not.

    It reads the file system, and waits if the share hangs: call `why_away` in a process of its own."""

    def __init__(self, root: str = "", most_remembered: int = 32) -> None:
        """`root` is the absolute directory before relative paths in the settings; empty if there is none."""
        self._root = root
        self._seen: deque[NeighbourSource] = deque(maxlen=most_remembered)

    def remember(self, path: str, uuid: str = "") -> None:
        """This source was there just now; consecutive ones in the same directory count once."""
        if not self._seen or _parent(self._seen[-1].source_path) != _parent(path):
            self._seen.append(NeighbourSource(path, uuid, was_there=True))

    def why_away(self, path: str, uuid: str = "", neighbours: Iterable[NeighbourSource] = ()) -> str | None:
        """The detail of `away`."""
        away = self.away(path, uuid, neighbours)
        return away.detail if away else None

    def away(self, path: str, uuid: str = "", neighbours: Iterable[NeighbourSource] = ()) -> ShareAway | None:
        """What shows that the share is away; None if the share is there and only `path` is missing.

        `uuid` is its representation; `neighbours` are further sources, from the ledger."""
        return share_away(path, uuid, (*reversed(self._seen), *neighbours), self._root)


def why_share_is_away(
    path: str, uuid: str, neighbours: Sequence[NeighbourSource], root: str = "", disk: Disk | None = None
) -> str | None:
    """The detail of `share_away`."""
    away = share_away(path, uuid, neighbours, root, disk)
    return away.detail if away else None


def share_away(
    path: str, uuid: str, neighbours: Sequence[NeighbourSource], root: str = "", disk: Disk | None = None
) -> ShareAway | None:
    """See ShareCheck.away. Looks at each path at most once, and at no more of the neighbours than necessary."""
    disk = disk or Disk(_stat_error, _is_bare_directory)
    disk = Disk(cache(disk.error), cache(disk.is_bare))
    code = disk.error(path)
    others = _one_each(path, uuid, neighbours)
    if code in AWAY_ERRORS:
        if any(_is_there(disk, other) for other in others):
            return None
        detail = f"{path}: {os.strerror(code)}: the share with the sources does not answer"
        return ShareAway(_parent(path), detail)
    if code not in _MISSING:
        return None
    if root and _is_under(path, root) and disk.error(root):
        return ShareAway(root, f"{root} is not there: is the share mounted?")
    return _diagnose(path, others, disk)


def _diagnose(path: str, others: Sequence[NeighbourSource], disk: Disk) -> ShareAway | None:
    above, missing = _nearest(path, disk)
    nearest, rest = _by_nearness(path, others)
    if any(_is_there(disk, other) for other in nearest):
        return None
    was_seen = any(other.was_there for other in nearest)
    is_same_gap = all(_is_under(other.source_path, missing) for other in nearest) or disk.is_bare(above)
    nothing_is_there = not any(_is_there(disk, other) for other in rest)
    if was_seen:
        is_away = nothing_is_there or len(nearest) >= _GONE_IF_SEEN
    else:
        is_away = len(nearest) >= (
            _GONE_IF_UNSEEN if is_same_gap or nothing_is_there else _GONE_IF_UNSEEN_AND_APART
        )
    if not is_away and not (nothing_is_there and disk.is_bare(above)):
        return None
    return _describe_gap(path, [*nearest, *rest], disk)


def _describe_gap(path: str, others: Sequence[NeighbourSource], disk: Disk) -> ShareAway:
    """What is missing, in the same words for every source that it hides: a person confirms all of them at once."""
    gone = _parent(path)
    for other in sorted(others, key=lambda other: -_depth(path, other.source_path)):
        if _is_there(disk, other):
            break
        gone = _common(path, other.source_path)
    above, missing = _nearest(gone, disk)
    if above != gone:
        return ShareAway(missing, f"{missing} is not there: is the share mounted?")
    if disk.is_bare(gone):
        return ShareAway(gone, f"{gone} is empty: is the share mounted?")
    return ShareAway(gone, f"none of the sources in {gone} is there: is the share mounted?")


def _one_each(path: str, uuid: str, neighbours: Iterable[NeighbourSource]) -> list[NeighbourSource]:
    """One source of each other representation, one that was seen before if possible, in the given order.

    If there is no other representation: the other sources of its own."""
    candidates = [other for other in neighbours if other.source_path != path]
    chosen: dict[str, NeighbourSource] = {}
    for other in candidates:
        if uuid and other.uuid.lower() == uuid.lower():
            continue
        key = other.uuid.lower() or other.source_path
        if key not in chosen or (other.was_there and not chosen[key].was_there):
            chosen[key] = other
    return list(chosen.values()) or list(dict.fromkeys(candidates))


def _by_nearness(
    path: str, others: Sequence[NeighbourSource]
) -> tuple[list[NeighbourSource], list[NeighbourSource]]:
    """Those that share the deepest directory with the path, and the rest."""
    depths = [_depth(path, other.source_path) for other in others]
    deepest = max(depths, default=0)
    nearest = [other for other, depth in zip(others, depths, strict=True) if depth == deepest]
    return nearest, [other for other, depth in zip(others, depths, strict=True) if depth < deepest]


def _is_there(disk: Disk, other: NeighbourSource) -> bool:
    """True also if it may not be looked at."""
    code = disk.error(other.source_path)
    return code not in _MISSING and code not in AWAY_ERRORS


def _nearest(path: str, disk: Disk) -> tuple[str, str]:
    """The nearest directory that is there (the path itself or above it), and the first one below that is not."""
    below = path
    for above in (path, *map(str, PurePath(path).parents)):
        if disk.error(above) == 0:
            return above, below
        below = above
    return below, below


def _common(one: str, other: str) -> str:
    """The deepest directory that contains both."""
    return os.path.commonpath([_parent(one), _parent(other)])


def _depth(one: str, other: str) -> int:
    return len(PurePath(_common(one, other)).parts)


def _parent(path: str) -> str:
    return os.path.dirname(path)  # noqa: PTH120 - texts


def _is_under(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")


def _stat_error(path: str) -> int:
    try:
        os.stat(path)  # noqa: PTH116 - texts
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _is_bare_directory(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return all(entry.name == "lost+found" or entry.name.startswith(".") for entry in entries)
    except OSError:
        return False
