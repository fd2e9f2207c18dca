"""A workspace whose sources, or whose store, are on a share of which some files never answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until


class HangingShare:
    """`directory` is served by `tests.support.hanging_share`; see there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        behind = directory.with_name(directory.name + "-behind")
        if directory.exists():
            directory.rename(behind)
        behind.mkdir(exist_ok=True)
        directory.mkdir()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hanging_share", str(directory), str(behind)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        if self._hear() != "mounted":
            assert self._server.stderr is not None
            pytest.skip(f"this system mounts no FUSE: {self._server.stderr.read().strip()}")

    def hang(self, operation: str, name: str) -> None:
        """`operation` is read, open, stat or write; `name` the end of a path, or `*` for all."""
        self._say(f"hang {operation} {name}")

    def fail(self, error: str, operation: str, name: str) -> None:
        """Like `hang`, but the operation is refused with this error, like EIO."""
        self._say(f"fail {error} {operation} {name}")

    def answer(self) -> None:
        """Whatever waits goes on, and nothing hangs or fails any more."""
        self._say("answer")

    @property
    def waiting(self) -> int:
        """Requests that hang."""
        return self._say("waiting")

    def wait_for_requests(self, count: int = 1) -> None:
        wait_until(lambda: self.waiting >= count, f"{count} requests that hang")

    def close(self) -> None:
        self.answer()
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def _say(self, line: str) -> int:
        assert self._server.stdin is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return int(self._hear().removeprefix("ok "))

    def _hear(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


HungSources = Callable[[Path], HangingShare]


@pytest.fixture
def hung_sources() -> Iterator[HungSources]:
    """`hung_sources(root / "source")` puts that directory on a share that may hang."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("only root mounts a FUSE file system, where there is /dev/fuse")
    shares: list[HangingShare] = []

    def serve(directory: Path) -> HangingShare:
        shares.append(HangingShare(directory))
        return shares[-1]

    yield serve
    for share in shares:
        share.close()
