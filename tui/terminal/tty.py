"""The app's terminal: whether there is one, how much output it has not taken yet, and the end when it goes away.

At the end of its input Textual reads again at once, for ever, with a core fully busy (`LinuxDriver.run_input_thread`).
Therefore this module watches for the end, and ends the process without drawing."""

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
from tui.terminal.keys import KeyParser
from tui.terminal.plain_glyphs import CELLS

_RESTORE_S = 0.3
"""How long restoring the terminal may take, so that a stalled one does not keep the process."""
_LOOK_EVERY_S = 0.1
"""How often it is looked whether the app ends, and whether an esc was the key."""
_READ_BYTES = 4096
_LEAVE_SEQUENCE = b"\x1b[?2026l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[?7h"
"""Ends synchronised output, bracketed paste, keyboard protocol, alternate screen, hidden cursor and focus events."""


class TerminalDriver(LinuxDriver):
    """Textual's driver, with a measure of the output that the terminal has not taken yet, and with keys as typed."""

    def run_input_thread(self) -> None:
        """Textual's hook: give the app what is typed until it ends."""
        keys = KeyParser(sys.__stderr__.encoding if sys.__stderr__ is not None else "utf-8")
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], _LOOK_EVERY_S)[0]:
                for event in keys.take(os.read(self.fileno, _READ_BYTES)):
                    self.process_message(event)
            for event in keys.tick():
                self.process_message(event)

    @property
    def backlog(self) -> int:
        """The number of writes that wait for the terminal."""
        return self._writer_thread._queue.qsize() if self._writer_thread is not None else 0


def require_terminal() -> None:
    """Raises UserError if the app could not be shown or could not take keys."""
    for stream, name in ((sys.__stdin__, "input"), (sys.__stderr__, "error output")):
        if stream is None or not stream.isatty():
            raise UserError(
                f"the app needs a terminal on its {name}; `photostat status` prints the state once"
            )


class HangUpWatch:
    """Ends the process when the terminal hangs up, or on SIGHUP or SIGTERM, whatever the event loop is doing."""

    def __init__(self) -> None:
        assert sys.__stdin__ is not None
        self._fd = sys.__stdin__.fileno()
        self._before = termios.tcgetattr(self._fd)
        self._done = threading.Event()

    def __enter__(self) -> HangUpWatch:
        if isinstance(sys.__stderr__, io.TextIOWrapper):
            sys.__stderr__.reconfigure(errors=CELLS)  # for a terminal without Unicode
        signal.signal(signal.SIGHUP, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(
            signal.SIGINT, lambda number, frame: None
        )  # ignored here, but not in the engine that the app starts
        threading.Thread(target=self._wait_for_hang_up, name="hang-up", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _wait_for_hang_up(self) -> None:
        """Sleeps in poll(2) until the other side of the terminal is closed."""
        poll = select.poll()
        poll.register(self._fd, 0)
        while not self._done.is_set():
            for _, event in poll.poll(1000):
                if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    os._exit(128 + signal.SIGHUP)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Restores the terminal first, because it may still be in use."""
        restorer = threading.Thread(target=self._restore, daemon=True)
        restorer.start()
        restorer.join(_RESTORE_S)
        os._exit(128 + number)

    def _restore(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
            os.write(self._fd, _LEAVE_SEQUENCE)
