"""What the app writes to its terminal, beside the same screens made of Textual's own widgets.

    python -m bench.terminal_bytes [ROWS]

Runs both on a pseudo-terminal of 80x24 and counts the bytes that come out: for the first screen, per second of a run
of 8 workers, and per key press in the dashboard and in a list of ROWS failures (10,000). Also the CPU time per second
and per key, and the time until the list is there. The bytes are what a person waits for over SSH.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.ledgers import make_ledger
from tests.support.terminals import Terminal

ROWS = 10_000
_STEADY_S = 20.0
_QUIET_S = 0.4
"""After a key, output is complete when nothing has come for so long."""
_DOWN, _PAGE_DOWN = "\x1b[B", "\x1b[6~"


@dataclass(frozen=True)
class Figures:
    first_bytes: int
    """The first screen."""
    first_s: float
    """From the start of the program to the first screen."""
    steady_bytes_per_s: float
    steady_cpu: float
    """Of one core."""
    cursor_bytes: float
    """A press of the down key in the dashboard; then in the list, and of page down there."""
    list_s: float
    """From the start of the program (Textual's) or the key `f` (ours) to the list."""
    list_cursor_bytes: float
    list_page_bytes: float
    list_key_cpu_ms: float


def per_key(terminal: Terminal, key: str, presses: int) -> tuple[float, float]:
    """Bytes and CPU milliseconds of one press, as means."""
    terminal.wait_for_silence(_QUIET_S)
    cpu_s, written = terminal.cpu_s(), 0
    for _ in range(presses):
        terminal.type(key)
        while chunk := terminal.read(_QUIET_S):
            written += len(chunk)
    return written / presses, (terminal.cpu_s() - cpu_s) * 1000 / presses


def measure(still: Sequence[str], steady: Sequence[str], listed: Sequence[str], open_list: str) -> Figures:
    """The programs to run: a still dashboard, a steady run, and one in which `open_list` opens the list."""
    began = time.monotonic()
    with Terminal(still) as terminal:
        terminal.wait_for("newspapers")
        terminal.wait_for_silence(_QUIET_S)
        first_s, first_bytes = time.monotonic() - began - _QUIET_S, len(terminal.output)
        cursor_bytes, _ = per_key(terminal, _DOWN, 2)
    with Terminal(steady) as terminal:
        terminal.wait_for("newspapers")
        terminal.read(3)
        cpu_s = terminal.cpu_s()
        steady_bytes = len(terminal.read(_STEADY_S))
        steady_cpu = (terminal.cpu_s() - cpu_s) / _STEADY_S
    began = time.monotonic()
    with Terminal(listed) as terminal:
        if open_list:
            terminal.wait_for("newspapers")
            terminal.wait_for_silence(_QUIET_S)
            began = time.monotonic()
            terminal.type(open_list)
        terminal.wait_for("NB_00000_p0001")
        list_s = time.monotonic() - began
        list_cursor_bytes, list_key_cpu_ms = per_key(terminal, _DOWN, 10)
        list_page_bytes, _ = per_key(terminal, _PAGE_DOWN, 5)
    return Figures(
        first_bytes,
        first_s,
        steady_bytes / _STEADY_S,
        steady_cpu,
        cursor_bytes,
        list_s,
        list_cursor_bytes,
        list_page_bytes,
        list_key_cpu_ms,
    )


def main(rows: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        root = str(make_ledger(Path(directory) / "workspace", rows, failed=rows).root)
        feed, textual = ("-m", "tests.support.fake_poller"), ("-m", "bench.textual_widgets")
        ours = measure((*feed, "running", root), (*feed, "steady", root), (*feed, "running", root), "f")
        theirs = measure((*textual, "still"), (*textual, "dashboard"), (*textual, "list", root), "")
    for name in Figures.__dataclass_fields__:
        print(f"{name:<22} {getattr(ours, name):>10,.2f} {getattr(theirs, name):>10,.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
