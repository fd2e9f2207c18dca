"""A program on a real pseudo-terminal: the test reads its output, or lets it stall, and types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil

from tests.support.waiting import has_ended, own_seconds_until, wait_until

ROOT = Path(__file__).parents[2]


class Terminal:
    """A program whose controlling terminal it is, as over SSH; the program ends with the `with` block."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        program: Sequence[str] = (sys.executable,),
        columns: int = 80,
        rows: int = 24,
        env: dict[str, str] | None = None,
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        steering = ("PHOTOSTAT_", "TEXTUAL", "COLUMNS", "LINES", "NO_COLOR")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=clean | {"TERM": "xterm-256color", "TZ": "UTC"} | (env or {}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.output = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.hang_up()

    def read(self, seconds: float) -> bytes:
        """What the program writes in that time; empty if the terminal has been hung up."""
        if self.master < 0:
            time.sleep(seconds)  # as long as reading would take
            return b""
        end, received = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    chunk = os.read(self.master, 65536)
                except OSError:  # the other side is closed (EIO)
                    break
                if not chunk:
                    break
                received += chunk
        self.output += received
        return received

    def wait_for(self, text: str, count: int = 1) -> None:
        """Reads until `text` has been written `count` times."""
        wait_until(
            lambda: self.output.count(text.encode()) >= count,
            lambda: f"{text!r}; the terminal has {self.output[-2000:]!r}",
            pause=self.read,
        )

    def wait_for_silence(self, seconds: float) -> None:
        """Reads until nothing has been written for that long."""
        wait_until(lambda: self.read(seconds) == b"", lambda: f"silence after {self.output[-2000:]!r}")

    def wait_for_end(self) -> float:
        """Reads until the program has ended; returns how long that took (see `own_seconds_until`)."""
        program = psutil.Process(self.process.pid)
        seconds = own_seconds_until(
            lambda: has_ended(program), program.pid, "the program's end", pause=self.read
        )
        self.process.wait()
        self.read(0.1)  # what it wrote last
        return seconds

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def hang_up(self) -> None:
        """Closes our side, as when a connection is lost."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def cpu_s(self) -> float:
        """CPU time of the program so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
