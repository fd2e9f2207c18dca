"""The memory limits of this process's Linux control groups, version 2 and version 1.

Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst (memory.max, memory.high, memory.current,
memory.stat, memory.events) and cgroup-v1/memory.rst (memory.limit_in_bytes, memory.usage_in_bytes, the
`total_` fields of memory.stat, oom_kill in memory.oom_control).
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from msgspec import Struct

_UNLIMITED_V1 = 1 << 60
"""Version 1 writes "no limit" as the largest page-aligned 63-bit number."""


class Group(Struct, frozen=True):
    """A control group whose limit applies to us: our own or one above it."""

    path: Path
    version: int


class Room(Struct, frozen=True):
    """A control group's limit, and how much of it can still be taken, bytes."""

    limit_bytes: int
    available_bytes: int


def memory_groups(proc: Path = Path("/proc")) -> tuple[Group, ...]:
    """The groups from ours up to the top of each mounted memory hierarchy; empty if there are none.

    Reading them once is enough, because a process stays in its group unless a person moves it."""
    try:
        memberships = (proc / "self/cgroup").read_text()
        mounts = (proc / "self/mountinfo").read_text()
    except OSError:
        return ()
    groups: list[Group] = []
    for line in memberships.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        version = 2 if hierarchy == "0" and not controllers else 1
        if version == 1 and "memory" not in controllers.split(","):
            continue
        mount = _mount(mounts, version)
        if mount is not None:
            groups += [Group(directory, version) for directory in _upwards(*mount, path)]
    return tuple(group for group in groups if read_room(group) is not None or _counts_kills(group))


def _mount(mountinfo: str, version: int) -> tuple[Path, str] | None:
    """Mount point and root of the memory hierarchy (proc_pid_mountinfo(5))."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, _source, *options) = left.split(), right.split()
        if (version == 2 and kind == "cgroup2") or (
            version == 1 and kind == "cgroup" and "memory" in ",".join(options).split(",")
        ):
            return Path(_unescape(fields[4])), _unescape(fields[3])
    return None


def _unescape(text: str) -> str:
    """mountinfo writes blanks and backslashes as a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def _upwards(mount_point: Path, mount_root: str, path: str) -> list[Path]:
    """The directories from the group `path` up to the mount point, those that exist.

    In a container the mount shows only the part below `mount_root`. If the path is outside that part, the mount point
    itself is our group."""
    try:
        inside = PurePosixPath(path).relative_to(mount_root)
    except ValueError:
        inside = PurePosixPath()
    if ".." in inside.parts:
        inside = PurePosixPath()
    directories = [mount_point / part for part in (inside, *inside.parents)]
    return [directory for directory in dict.fromkeys(directories) if directory.is_dir()]


def read_room(group: Group) -> Room | None:
    """The group's limit and what is left of it, with file pages counted as free; None if it sets no limit.

    A `memory.high` below `memory.max` counts as the limit, because above it the kernel throttles the group heavily."""
    if group.version == 2:
        limits = [_number(group, name) for name in ("memory.max", "memory.high")]
        limit = min((n for n in limits if n is not None), default=None)
        used_name, prefix = "memory.current", ""
    else:
        limit = _number(group, "memory.limit_in_bytes")
        limit = None if limit is None or limit >= _UNLIMITED_V1 else limit
        used_name, prefix = "memory.usage_in_bytes", "total_"
    if limit is None:
        return None
    used = _number(group, used_name) or 0
    stat = _fields(group, "memory.stat")
    names = ("inactive_file", "active_file") if group.version == 1 else _RECLAIMABLE_V2
    reclaimable = sum(stat.get(prefix + name, 0) for name in names)
    return Room(limit, max(0, limit - max(0, used - reclaimable)))


_RECLAIMABLE_V2 = ("inactive_file", "active_file", "slab_reclaimable")


def oom_kills(group: Group) -> int | None:
    """How many processes of this group the kernel has killed for memory; None if it does not count them."""
    name = "memory.events" if group.version == 2 else "memory.oom_control"
    return _fields(group, name).get("oom_kill")


def _counts_kills(group: Group) -> bool:
    return oom_kills(group) is not None


def _number(group: Group, name: str) -> int | None:
    """The number in a one-line file; None for "max", for a missing file, and for a group that has just been removed."""
    try:
        text = _read(f"{group.path}/{name}").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _fields(group: Group, name: str) -> dict[str, int]:
    """The "name value" lines of a file; empty if it cannot be read."""
    try:
        text = _read(f"{group.path}/{name}").decode()
    except OSError:
        return {}
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def named_number(path: Path, name: str) -> int | None:
    """The number after `name` at the start of a line of a /proc file; None if there is no such file or line."""
    return named_numbers(path, name)[0]


def named_numbers(path: Path, *names: str) -> list[int | None]:
    """The same for several names in one file."""
    try:
        content = b"\n" + _read(str(path))
    except OSError:
        return [None] * len(names)
    found = [re.search(rb"\n" + re.escape(name.encode()) + rb"\s+(\d+)", content) for name in names]
    return [int(match[1]) if match else None for match in found]


def _read(path: str) -> bytes:
    """Called some hundred times a second, so without a buffer."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()
