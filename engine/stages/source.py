"""Is the share with the sources away, or one file missing? A share must not fail 100,000 rows."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterable
from pathlib import PurePath

_AWAY = frozenset(
    getattr(errno, name)
    for name in (
        *("ESTALE", "EIO", "EREMOTEIO", "ENODEV", "ENXIO", "ENOMEDIUM"),
        *("ENOTCONN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ESHUTDOWN", "ETIMEDOUT"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)
"""What network file systems and unplugged disks answer; never what one missing file does."""

_OTHERS_ENOUGH = 5
"""So many other sources, all missing, and nothing ever seen: the share, not the file."""


class SourceWatch:
    """Remembers a few sources that were there, and judges one that is not.

    It looks at the disk, and a share that hangs hangs it: call `away` off the loop."""

    def __init__(self, root: str = "", remember: int = 32) -> None:
        """`root` is what the settings put before relative paths, absolute; empty where there is none."""
        self._root = root
        self._seen: deque[str] = deque(maxlen=remember)

    def saw(self, path: str) -> None:
        """This source was there just now; one a directory is remembered."""
        if not self._seen or os.path.dirname(self._seen[-1]) != os.path.dirname(path):  # noqa: PTH120
            self._seen.append(path)

    def away(self, path: str, others: Iterable[str] = ()) -> str | None:
        """Why the share must be away, one line; None when the share is there and only `path` is at fault.

        `others` are further sources from the ledger, best of several representations; looked at in doubt."""
        return share_away(path, tuple(self._seen), tuple(others), self._root)


def share_away(path: str, seen: tuple[str, ...], others: tuple[str, ...], root: str = "") -> str | None:
    """See SourceWatch.away. `seen` are sources that were there before, newest last."""
    code = _stat_errno(path)
    if code in _AWAY and not _any_there((*reversed(seen), *others)):
        return f"{path}: {os.strerror(code)}: the share with the sources does not answer"
    if code not in (errno.ENOENT, errno.ENOTDIR):
        return None
    if root and _stat_errno(root):
        return f"{root} is not there: is the share mounted?"
    parent = str(PurePath(path).parent)
    above, missing = _nearest(path)
    if above == parent and not _empty(above):
        return None
    vanished = missing != path and any(_under(known, missing) for known in seen)
    if vanished and missing != parent:
        return f"{missing} has disappeared: is the share mounted?"
    if _empty(above) and above != parent:
        return f"{above} is empty: is the share mounted?"
    rest = [other for other in (*reversed(seen), *others) if not _under(other, missing) and other != path]
    if _any_there(rest):
        return None
    if vanished or _empty(above):
        return f"{parent} is empty or gone, and no other source is there: is the share mounted?"
    if len(set(rest)) >= _OTHERS_ENOUGH:
        return f"{missing} is not there, nor are {len(set(rest))} other sources: is the share mounted?"
    return None


def _stat_errno(path: str) -> int:
    """0 where the path is there, else the error's number."""
    try:
        os.stat(path)  # noqa: PTH116
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _any_there(paths: Iterable[str]) -> bool:
    return any(_stat_errno(path) == 0 for path in paths)


def _nearest(path: str) -> tuple[str, str]:
    """The nearest ancestor that is there, and the first step below it that is not."""
    below = PurePath(path)
    for above in below.parents:
        if _stat_errno(str(above)) == 0:
            return str(above), str(below)
        below = above
    return str(below), str(below)


def _empty(directory: str) -> bool:
    try:
        with os.scandir(directory) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _under(path: str, above: str) -> bool:
    return path.startswith(above.rstrip("/") + "/")
