"""The engine's side of the process that notifies: nothing here waits for it, except at the start and at the end."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from engine.control.launch import OUTPUT_NAME
from engine.failures import UserError
from engine.notify.protocol import Delivered, Goodbye, Hello, Notice, NotUnderstood, line_of, to_engine

_READY_WITHIN_S = 30.0
_ENDS_WITHIN_S = 60.0
"""Longer than it gives itself."""
_CHUNK = 65536
_MOST_UNSAID_BYTES = 1 << 20


class NotifyProcess:
    def __init__(self, hello: Hello, logs_dir: Path) -> None:
        """Starts it, in a session of its own, without any file of the engine's but its two pipes."""
        logs_dir.mkdir(parents=True, exist_ok=True)
        with (logs_dir / OUTPUT_NAME).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-X", "utf8", "-m", "engine.notify"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                cwd="/",
                bufsize=0,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._heard = bytearray()
        self._unsaid = bytearray()
        self._say(line_of(hello))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait_until_ready(self) -> None:
        """Raises UserError if it does not understand an address."""
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline and self.exit_code is None and b"\n" not in self._heard:
            select.select([self._from], [], [], 0.2)
            self._listen()
        self._listen()
        line, _, rest = bytes(self._heard).partition(b"\n")
        self._heard = bytearray(rest)
        with contextlib.suppress(msgspec.DecodeError):
            answer = to_engine(line)
            if isinstance(answer, NotUnderstood):
                self._process.wait()
                raise UserError(answer.error)

    def tell(self, notice: Notice) -> bool:
        """Does not wait; False if the process does not take it."""
        return self._say(line_of(notice))

    def reports(self) -> list[Delivered]:
        """What it has said since, without waiting."""
        self._say(b"")
        self._listen()
        *lines, rest = bytes(self._heard).split(b"\n")
        self._heard = bytearray(rest)
        found = []
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError):
                found.append(to_engine(line))
        return [report for report in found if isinstance(report, Delivered)]

    def close(self) -> None:
        """The engine ends as it should. Waits, in bounded time, until the last messages are delivered or given up."""
        self._say(line_of(Goodbye()))
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while self._unsaid and self.exit_code is None and time.monotonic() < deadline:
            select.select([], [self._to], [], 0.2)
            self._say(b"")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDS_WITHIN_S)
            return
        self._process.kill()
        self._process.wait()

    def _say(self, line: bytes) -> bool:
        """What the pipe does not take now is kept, and said later; False if that is too much, or nobody hears it."""
        if len(self._unsaid) > _MOST_UNSAID_BYTES:
            return False
        self._unsaid += line
        try:
            while self._unsaid:
                del self._unsaid[: os.write(self._to, self._unsaid)]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._from, _CHUNK):
                self._heard += chunk
