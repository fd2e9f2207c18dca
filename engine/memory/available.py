"""How much memory there is: in the machine, within its control groups, within `memory_limit`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from engine import config
from engine.failures import UserError
from engine.formatting import memory_size
from engine.memory import cgroup

_PROC = Path("/proc")
_MEMORY_FILESYSTEMS = frozenset({"tmpfs", "ramfs"})


class Memory(Struct, frozen=True):
    """The machine's memory at one moment, within every limit that applies to us. Bytes."""

    total_bytes: int
    available_bytes: int
    """What can be taken without swapping or being killed; page cache that can be dropped is included."""


class MemoryReader:
    """Reads the memory of this machine, in about 0.1 ms.

    `limit_bytes` is the `memory_limit` setting: the machine is treated as having no more than this. Tests pass another
    `proc`."""

    def __init__(self, limit_bytes: int | None = None, proc: Path = _PROC) -> None:
        self._limit_bytes = limit_bytes
        self._meminfo = proc / "meminfo"
        self._groups = cgroup.memory_groups(proc)

    def read(self, own_bytes: Callable[[], int] = int) -> Memory:
        """The memory now. `own_bytes` tells what our own processes use (`tree_bytes`), which is part of `memory_limit`;
        it is asked only if there is one."""
        memory = self._machine()
        total, available = memory.total_bytes, memory.available_bytes
        for group in self._groups:
            room = cgroup.read_room(group)
            if room is not None:
                total = min(total, room.limit_bytes)
                available = min(available, room.available_bytes)
        if self._limit_bytes is not None:
            total = min(total, self._limit_bytes)
            available = min(available, self._limit_bytes - own_bytes())
        return Memory(total, max(0, min(available, total)))

    def _machine(self) -> Memory:
        available, total = cgroup.named_numbers(self._meminfo, "MemAvailable:", "MemTotal:")
        if available is not None and total is not None:
            return Memory(total * 1024, available * 1024)
        import psutil

        memory = psutil.virtual_memory()
        return Memory(memory.total, memory.available)


def parse_size(text: str) -> int:
    """Bytes of "3GiB", "500 MB", "4g" (1024) or "1073741824"; raises UserError for anything else."""
    try:
        return config.parse_size(text)
    except ValueError as error:
        raise UserError(
            f'{text!r} is not an amount of memory: write for example "4GiB", "500MB" or a number of bytes'
        ) from error


def parse_floor(text: str, total_bytes: int) -> int:
    """The memory that must stay available, bytes: "10%" of the total, or an amount; raises UserError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    floor = int(total_bytes * float(match[1]) / 100) if match else parse_size(text)
    if floor >= total_bytes:
        raise UserError(
            f"memory_floor = {text!r} leaves nothing of the {memory_size(total_bytes)} that there are"
        )
    return floor


def is_memory_filesystem(path: Path) -> bool:
    """Whether files here are in memory (tmpfs), so that moving pixels to a file saves none."""
    mounts = _PROC / "self/mountinfo"
    try:
        lines = mounts.read_text().splitlines()
        device = path.stat().st_dev
    except OSError:
        return False
    name = f"{os.major(device)}:{os.minor(device)}"
    return any(
        line.split()[2] == name and line.partition(" - ")[2].split()[0] in _MEMORY_FILESYSTEMS
        for line in lines
    )
