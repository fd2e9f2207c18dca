"""Another program that takes memory: `python -m tests.support.memory_hog`; every line on its stdin is some MiB more."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from engine.memory import cgroup
from tests.support.cgroups import inside

MIB = 2**20
ATTEMPTS = 5
STEP_MIB = 10


@dataclass(frozen=True)
class Hog:
    """The other program, while it runs."""

    process: subprocess.Popen[str]
    group: cgroup.Group
    kills_before: int | None
    """How many processes of the group the kernel had killed before there was a hog, and hogs before this one."""

    def take(self, mib: int) -> bool:
        """Takes that much more and touches every page of it; False if the kernel has killed the program for it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(f"{mib}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return self.process.stdout.readline() == "taken\n"

    def take_until_the_kernel_kills(self) -> None:
        """Takes a little more again and again, until the kernel has killed a process of the group.

        How much is needed is not known before, because processes of the group end and begin meanwhile.
        """
        while cgroup.oom_kills(self.group) == self.kills_before and self.take(STEP_MIB):
            pass

    def take_until_it_is_killed(self, pid: int) -> None:
        """The same until this process is dead: what only looks at sources is killed before it."""
        while _is_alive(pid) and self.take(STEP_MIB):
            pass


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def hogging(mib: int, group: cgroup.Group) -> Iterator[Hog]:
    """While inside, another process of the group holds this much memory.

    If the kernel has to kill a process for it, it may kill the hog after its first choice, before the memory of
    that one is free: then there is another hog.
    """
    kills_before = cgroup.oom_kills(group)
    for hogs_killed in range(ATTEMPTS):
        before = None if kills_before is None else kills_before + hogs_killed
        with _started(group, before) as hog:
            if hog.take(mib):
                yield hog
                return
    raise AssertionError(f"{ATTEMPTS} hogs were killed, one after the other")


@contextlib.contextmanager
def _started(group: cgroup.Group, kills_before: int | None) -> Iterator[Hog]:
    command = inside(group, [sys.executable, "-m", "tests.support.memory_hog"])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Hog(process, group, kills_before)
        finally:
            process.kill()


def main() -> None:
    taken = []
    for line in sys.stdin:  # until the test that started it ends it, or ends
        block = bytearray(int(line) * MIB)
        block[::4096] = b"\1" * len(range(0, len(block), 4096))
        taken.append(block)
        print("taken", flush=True)


if __name__ == "__main__":
    main()
