"""What our processes use, their peaks, and which of them the kernel kills first when memory runs out."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.memory import cgroup

_PAGE = os.sysconf("SC_PAGE_SIZE")

OOM_WORKER = 900
"""Workers are killed first (proc_pid_oom_score_adj(5): from -1000, never, to 1000, first)."""
OOM_SUPERVISOR = -500
OOM_FIRST = 1000
"""Before an engine's workers: what is only looked at must not cost what is converted."""


def rss_bytes(pid: int) -> int:
    """The resident set size of one of our processes; 0 if it is gone."""
    resident, _shared = _resident_and_shared(pid)
    return resident


def own_tree() -> list[int]:
    """This process and its children, which start no others."""
    own = os.getpid()
    children: list[int] = []
    for task in Path("/proc/self/task").glob("*/children"):  # proc_pid_tid_children(5)
        with contextlib.suppress(OSError):
            children += map(int, task.read_bytes().split())
    if not children:
        import psutil  # only here: where there is /proc, no process of ours takes the time to load it

        children = [child.pid for child in psutil.Process(own).children()]
    return [own, *children]


def tree_bytes(pids: Iterable[int]) -> int:
    """What these processes use together; libraries and files that they share count once."""
    sizes = [_resident_and_shared(pid) for pid in pids]
    return sum(resident - shared for resident, shared in sizes) + max(
        (shared for _, shared in sizes), default=0
    )


def _resident_and_shared(pid: int) -> tuple[int, int]:
    """proc_pid_statm(5), fields 2 and 3 (file and shared memory pages), bytes."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:  # noqa: PTH123 - called often, kept cheap
            fields = file.read().split()
        return int(fields[1]) * _PAGE, int(fields[2]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        if sys.platform == "linux":
            return 0, 0
    import psutil

    try:
        return psutil.Process(pid).memory_info().rss, 0
    except psutil.Error:
        return 0, 0


def reset_peak() -> bool:
    """Start measuring this process's peak from now on, so that each image has its own; False if the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc_pid_clear_refs(5): VmHWM to the present size
    except OSError:
        return False
    return True


def peak_rss_bytes() -> int:
    """The largest resident set of this process since `reset_peak`, or since its start if that is not possible."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_memory_back() -> None:
    """Return what the allocator keeps between two images to the system (malloc_trim(3), glibc only)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def set_oom_score(value: int, pid: int | None = None) -> bool:
    """Set how soon the kernel kills a process when memory runs out; False if not allowed (lowering is privileged)."""
    try:
        Path(f"/proc/{pid or 'self'}/oom_score_adj").write_text(str(value))
    except OSError:
        return False
    return True


def oom_kill_count(proc: Path = Path("/proc")) -> int:
    """Processes that the kernel has killed for memory so far, in our own control group, otherwise on the machine.

    If SIGKILL ended a worker and this number has risen, memory was the reason. 0 if the system does not count them."""
    for group in _groups(proc):
        count = cgroup.oom_kills(group)
        if count is not None:
            return count
    return cgroup.named_number(proc / "vmstat", "oom_kill") or 0


@functools.cache
def _groups(proc: Path) -> tuple[cgroup.Group, ...]:
    return cgroup.memory_groups(proc)
