"""Another program that takes memory: `python -m tests.hog MEGABYTES SECONDS`; says `full` when it has it all."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator

MIB = 2**20


@contextlib.contextmanager
def hogging(megabytes: int, seconds: float = 600.0) -> Iterator[subprocess.Popen[str]]:
    """While inside, another process holds this much memory, every page of it touched."""
    command = [sys.executable, "-m", "tests.hog", str(megabytes), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "full\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main(arguments: list[str]) -> None:
    taken = bytearray(int(arguments[0]) * MIB)
    taken[::4096] = b"\1" * len(range(0, len(taken), 4096))
    print("full", flush=True)
    threading.Event().wait(float(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
