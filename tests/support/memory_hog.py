"""Another program that takes memory: `python -m tests.support.memory_hog MEGABYTES`; says `full` when it has it all."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from engine.memory import cgroup
from tests.support.cgroups import inside

MIB = 2**20
ATTEMPTS = 5


@contextlib.contextmanager
def hogging(megabytes: int, group: cgroup.Group) -> Iterator[None]:
    """While inside, another process of the group holds this much memory, every page of it touched.

    Where the kernel has to kill somebody for it, it may take the hog after its first choice, before that one's
    memory is back: then there is another hog.
    """
    for _ in range(ATTEMPTS):
        with _hog(megabytes, group) as is_full:
            if is_full:
                yield
                return
    raise AssertionError(f"{ATTEMPTS} hogs were killed, one after the other")


@contextlib.contextmanager
def _hog(megabytes: int, group: cgroup.Group) -> Iterator[bool]:
    command = inside(group, [sys.executable, "-m", "tests.support.memory_hog", str(megabytes)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline() == "full\n"
        finally:
            process.kill()


def main(arguments: list[str]) -> None:
    taken = bytearray(int(arguments[0]) * MIB)
    taken[::4096] = b"\1" * len(range(0, len(taken), 4096))
    print("full", flush=True)
    sys.stdin.read()  # until the test that started it ends it, or ends


if __name__ == "__main__":
    main(sys.argv[1:])
