"""Real control groups with a memory limit, and programs in them; tests are skipped if groups cannot be made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.memory import cgroup
from tests.support.waiting import LONGEST_WAIT_S

MIB = 2**20
MakeGroup = Callable[[int], cgroup.Group]


@pytest.fixture
def memory_group() -> Iterator[MakeGroup]:
    """`memory_group(bytes)` makes a group with this limit; processes that are left in it after the test are killed."""
    made: list[cgroup.Group] = []

    def make(limit_bytes: int) -> cgroup.Group:
        top = next(iter(reversed(cgroup.memory_groups())), None)
        if top is None:
            pytest.skip("no memory control group is mounted here")
        path = top.path / f"photostat-test-{os.getpid()}-{len(made)}"
        try:
            path.mkdir()
        except OSError as error:
            pytest.skip(f"control groups cannot be made here: {error.strerror}")
        group = cgroup.Group(path, top.version)
        made.append(group)
        limit = path / ("memory.max" if top.version == 2 else "memory.limit_in_bytes")
        if not limit.exists():
            pytest.skip("the memory controller is not delegated here")
        limit.write_text(str(limit_bytes))
        return group

    yield make
    for group in made:
        _empty(group.path)
        group.path.rmdir()


def _empty(path: Path) -> None:
    processes = []
    for pid in (path / "cgroup.procs").read_text().split():
        try:
            processes.append(psutil.Process(int(pid)))
            processes[-1].kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=LONGEST_WAIT_S)


def inside(group: cgroup.Group, command: list[str]) -> list[str]:
    """A command line that runs the command in the group."""
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.path / "cgroup.procs"), *command]


def run_inside(group: cgroup.Group, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        inside(group, command), timeout=LONGEST_WAIT_S, check=False, capture_output=True, text=True
    )
