"""Programs with mounts of their own, as another machine has them (`unshare -m`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.host_processes import HostProcess


class OwnMounts:
    @classmethod
    def or_skip(cls) -> OwnMounts:
        tried = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
        )
        if tried.returncode:
            pytest.skip("only root can have mounts of its own")
        return cls()

    def __call__(self, what: Path | str, where: Path) -> list[str]:
        """The beginning of a command line: a directory, or an empty `tmpfs`, is mounted there for it alone."""
        mount = 'mount -t tmpfs tmpfs "$1"' if what == "tmpfs" else 'mount --bind "$0" "$1"'
        return ["unshare", "-m", "sh", "-c", f'{mount} && shift && exec "$@"', str(what), str(where)]

    def unmount(self, host: HostProcess, where: Path) -> None:
        """On that host."""
        pid = str(host.process.pid)
        subprocess.run(["nsenter", "-m", "-t", pid, "umount", "-l", str(where)], check=True)
