"""Is the share with the sources away, or one file missing? A share must not fail 100,000 rows, nor a file hold all.

What else there is tells: the *kin* of a missing source, other sources of the export, some of which were there before
(*witnesses*). Those that share the deepest directory with it speak first. Is one of them there, the share is too.
Are they all gone, the share is away where witnesses say that they were there, and where there are none yet, if what
is missing is missing for all of them alike, as under a mount point when nothing is mounted.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

from engine.messages import NeighbourSource

AWAY = frozenset(
    getattr(errno, name)
    for name in (
        *("ESTALE", "EIO", "EREMOTEIO", "ENODEV", "ENXIO", "ENOMEDIUM"),
        *("ENOTCONN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ESHUTDOWN", "ETIMEDOUT"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)
"""What network file systems and unplugged disks answer; never what one missing file does."""

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
_ENOUGH = 3
"""So many other representations, one of them seen before, all gone: not each for itself."""
_EXPECTED_ENOUGH = 5
"""The same where none was ever seen, and what is missing is the same for all."""
_EXPECTED_PLENTY = 16
"""The same where none was ever seen, whatever is missing: nearly all of the share."""


@dataclass(frozen=True)
class Disk:
    """How the judgement looks at the disk; tests give it another."""

    error: Callable[[str], int]
    """0 where the path is there, else the error's number."""
    is_bare: Callable[[str], bool]
    """A directory with nothing in it, `lost+found` and hidden entries apart: a mount point, say."""


class SourceWatch:
    """Remembers a few sources that were there, and judges one that is not.

    It looks at the disk, and a share that hangs hangs it: call `away` off the loop."""

    def __init__(self, root: str = "", remember: int = 32) -> None:
        """`root` is what the settings put before relative paths, absolute; empty where there is none."""
        self._root = root
        self._seen: deque[NeighbourSource] = deque(maxlen=remember)

    def saw(self, path: str, uuid: str = "") -> None:
        """This source was there just now; one a directory is remembered."""
        if not self._seen or _parent(self._seen[-1].source_path) != _parent(path):
            self._seen.append(NeighbourSource(path, uuid, was_there=True))

    def away(self, path: str, uuid: str = "", neighbours: Iterable[NeighbourSource] = ()) -> str | None:
        """Why the share must be away, one line; None when the share is there and only `path` is at fault.

        `uuid` is its representation; `kin` are further sources, from the ledger."""
        return share_away(path, uuid, (*reversed(self._seen), *neighbours), self._root)


def share_away(
    path: str, uuid: str, neighbours: Sequence[NeighbourSource], root: str = "", disk: Disk | None = None
) -> str | None:
    """See SourceWatch.away. Looks at each path once at most, and at no more of `kin` than it must."""
    disk = disk or Disk(_error, _is_bare)
    look = Disk(cache(disk.error), cache(disk.is_bare))
    code = look.error(path)
    others = _one_each(path, uuid, neighbours)
    if code in AWAY:
        if any(_is_there(look, other) for other in others):
            return None
        return f"{path}: {os.strerror(code)}: the share with the sources does not answer"
    if code not in _MISSING:
        return None
    if root and _is_under(path, root) and look.error(root):
        return f"{root} is not there: is the share mounted?"
    return _judge(path, others, look)


def _judge(path: str, others: Sequence[NeighbourSource], look: Disk) -> str | None:
    above, missing = _nearest(path, look)
    nearest, rest = _by_nearness(path, others)
    if any(_is_there(look, other) for other in nearest):
        return None
    witnessed = any(other.was_there for other in nearest)
    alike = all(_is_under(other.source_path, missing) for other in nearest) or look.is_bare(above)
    nothing_anywhere = not any(_is_there(look, other) for other in rest)
    if witnessed:
        away = nothing_anywhere or len(nearest) >= _ENOUGH
    else:
        away = len(nearest) >= (_EXPECTED_ENOUGH if alike or nothing_anywhere else _EXPECTED_PLENTY)
    if not away and not (nothing_anywhere and look.is_bare(above)):
        return None
    return _said(path, [*nearest, *rest], look)


def _said(path: str, others: Sequence[NeighbourSource], look: Disk) -> str:
    """In the same words for all that is gone together, for a person may say that it is all right so."""
    lost = _parent(path)
    for other in sorted(others, key=lambda other: -_depth(path, other.source_path)):
        if _is_there(look, other):
            break
        lost = _common(path, other.source_path)
    above, missing = _nearest(lost, look)
    if above != lost:
        return f"{missing} is not there: is the share mounted?"
    if look.is_bare(lost):
        return f"{lost} is empty: is the share mounted?"
    return f"none of the sources in {lost} is there: is the share mounted?"


def _one_each(path: str, uuid: str, neighbours: Iterable[NeighbourSource]) -> list[NeighbourSource]:
    """One source of each other representation, a witness where there is one; in the order given.

    Where there is no other representation, its own sources: they are all there is."""
    known = [other for other in neighbours if other.source_path != path]
    chosen: dict[str, NeighbourSource] = {}
    for other in known:
        if uuid and other.uuid == uuid:
            continue
        key = other.uuid or other.source_path
        if key not in chosen or (other.was_there and not chosen[key].was_there):
            chosen[key] = other
    return list(chosen.values()) or list(dict.fromkeys(known))


def _by_nearness(
    path: str, others: Sequence[NeighbourSource]
) -> tuple[list[NeighbourSource], list[NeighbourSource]]:
    """Those that share the deepest directory with the path, and the rest."""
    depths = [_depth(path, other.source_path) for other in others]
    deepest = max(depths, default=0)
    nearest = [other for other, depth in zip(others, depths, strict=True) if depth == deepest]
    return nearest, [other for other, depth in zip(others, depths, strict=True) if depth < deepest]


def _is_there(look: Disk, other: NeighbourSource) -> bool:
    """What may not be looked at is there."""
    code = look.error(other.source_path)
    return code not in _MISSING and code not in AWAY


def _nearest(path: str, look: Disk) -> tuple[str, str]:
    """The nearest directory that is there, the path itself or above it, and the first step below that is not."""
    below = path
    for above in (path, *map(str, PurePath(path).parents)):
        if look.error(above) == 0:
            return above, below
        below = above
    return below, below


def _common(one: str, other: str) -> str:
    """The deepest directory that both lie in."""
    return os.path.commonpath([_parent(one), _parent(other)])


def _depth(one: str, other: str) -> int:
    return len(PurePath(_common(one, other)).parts)


def _parent(path: str) -> str:
    return os.path.dirname(path)  # noqa: PTH120 - texts


def _is_under(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")


def _error(path: str) -> int:
    try:
        os.stat(path)  # noqa: PTH116 - texts
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _is_bare(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return all(entry.name == "lost+found" or entry.name.startswith(".") for entry in entries)
    except OSError:
        return False
