"""Another program that takes memory: `python -m tests.hog MEGABYTES`; says `full` when it has it all."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from engine import cgroup
from tests.cgroups import inside

MIB = 2**20


@contextlib.contextmanager
def hogging(megabytes: int, group: cgroup.Group) -> Iterator[None]:
    """While inside, another process of the group holds this much memory, every page of it touched."""
    command = inside(group, [sys.executable, "-m", "tests.hog", str(megabytes)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "full\n"
            yield
        finally:
            process.kill()


def main(arguments: list[str]) -> None:
    taken = bytearray(int(arguments[0]) * MIB)
    taken[::4096] = b"\1" * len(range(0, len(taken), 4096))
    print("full", flush=True)
    sys.stdin.read()  # until the test that started it ends it, or ends


if __name__ == "__main__":
    main(sys.argv[1:])
