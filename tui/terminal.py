"""The terminal the app lives in: it leaves within moments when that goes away, and never stops drawing for a slow one.

Textual's reader treats the end of its input as nothing to read and asks again at once, for ever, on a full core
(`LinuxDriver.run_input_thread`); so the end is watched for here, and the process leaves without drawing."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
import termios
import threading
from types import FrameType

from textual.drivers.linux_driver import LinuxDriver

from engine.failures import UserError

_RESTORE_S = 0.3
"""How long restoring the terminal may take; one that does not drain must not keep the process."""
_LEAVE_SEQUENCE = b"\x1b[?2026l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[?7h"
"""End of synchronised output and bracketed paste, keyboard protocol, alternate screen, cursor, focus events, wrap."""


class TerminalDriver(LinuxDriver):
    """Textual's own, with a measure of what the terminal has not taken yet."""

    @property
    def backlog(self) -> int:
        """Writes that wait because the terminal does not drain."""
        return self._writer_thread._queue.qsize() if self._writer_thread is not None else 0


def require_terminal() -> None:
    """Raises UserError where the app could not be seen or steered."""
    for stream, name in ((sys.__stdin__, "input"), (sys.__stderr__, "error output")):
        if stream is None or not stream.isatty():
            raise UserError(
                f"the app needs a terminal on its {name}; `photostat status` prints the picture once"
            )


class HangUpWatch:
    """Ends the process when the terminal hangs up, or on SIGHUP or SIGTERM; whatever the event loop is doing."""

    def __init__(self) -> None:
        assert sys.__stdin__ is not None
        self._fd = sys.__stdin__.fileno()
        self._before = termios.tcgetattr(self._fd)
        self._done = threading.Event()

    def __enter__(self) -> HangUpWatch:
        if isinstance(sys.__stderr__, io.TextIOWrapper):
            sys.__stderr__.reconfigure(errors="replace")  # a terminal without Unicode gets question marks
        signal.signal(signal.SIGHUP, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, lambda number, frame: None)  # ignored here, not in the engine it starts
        threading.Thread(target=self._wait_for_hang_up, name="hang-up", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _wait_for_hang_up(self) -> None:
        """Sleeps in poll(2) until the other side of the terminal is closed; asks for no event but that."""
        poll = select.poll()
        poll.register(self._fd, 0)
        while not self._done.is_set():
            for _, event in poll.poll(1000):
                if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    os._exit(128 + signal.SIGHUP)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The terminal may still be there and be somebody's: give it back as it was, if it takes that."""
        restorer = threading.Thread(target=self._restore, daemon=True)
        restorer.start()
        restorer.join(_RESTORE_S)
        os._exit(128 + number)

    def _restore(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            os.write(self._fd, _LEAVE_SEQUENCE)
