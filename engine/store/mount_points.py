"""Whether a directory belongs to a volume that this machine should mount, and that is not mounted."""

from __future__ import annotations

import contextlib
import os
import re
from itertools import pairwise
from pathlib import Path

_FSTAB = Path("/etc/fstab")
_MOUNTED = Path("/proc/self/mountinfo")
_MOUNT_POINT = {_FSTAB: 1, _MOUNTED: 4}
"""The field's number, from 0: fstab(5), proc_pid_mountinfo(5)."""
_ESCAPE = re.compile(r"\\([0-7]{3})")


def absent_mount(directory: Path) -> str | None:
    """The mount point of /etc/fstab that the directory is on or below, if nothing is mounted there.

    None if it is mounted, if fstab has none, and where nothing tells (not on Linux)."""
    wanted = _mount_points(_FSTAB)
    path = Path(os.path.realpath(directory))
    above = next((place for place in (path, *path.parents) if str(place) in wanted), None)
    if above is None or above == Path(above.anchor):
        return None
    mounted = _mount_points(_MOUNTED)
    return str(above) if mounted and str(above) not in mounted else None


def mounts_above(directory: Path) -> int:
    """How many times the file system changes on the way from the root to this directory."""
    path = Path(os.path.realpath(directory))
    devices = []
    for place in (path, *path.parents):
        with contextlib.suppress(OSError):
            devices.append(place.stat().st_dev)
    return sum(one != other for one, other in pairwise(devices))


def _mount_points(table: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for line in table.read_text("utf-8", "surrogateescape").splitlines():
            fields = line.split()
            if line.lstrip().startswith("#") or len(fields) <= _MOUNT_POINT[table]:
                continue
            found.add(_ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), fields[_MOUNT_POINT[table]]))
    return {os.path.normpath(place) for place in found if place.startswith("/")}
