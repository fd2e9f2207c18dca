"""The app on a real terminal: what it costs over a slow link, and how it ends when the terminal goes away."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeWorkspace
from tests.support.ledgers import make_ledger
from tests.support.terminals import ROOT, Terminal
from tests.support.waiting import own_seconds_until, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")

ENDS_WITHIN_S = 2.0
STEADY_BYTES_PER_S = 1500
IDLE_CPU = 0.15
"""Share of a core. An app that looks once a second needs a few hundredths; one that spins needs all of it."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_ledger(tmp_path / "workspace", 50, failed=10).root


@pytest.fixture
def terminal(root: Path) -> Iterator[Terminal]:
    """The app on a terminal of 80x24, on a run of 8 workers that changes every second."""
    with Terminal(["-m", "tests.support.fake_poller", "steady", str(root)]) as terminal:
        terminal.wait_for("RUNNING")
        yield terminal


def test_a_steady_run_costs_less_than_1500_bytes_a_second(terminal: Terminal) -> None:
    terminal.read(2)
    terminal.output = b""
    cpu_s, began = terminal.cpu_s(), time.monotonic()
    drawn_s = own_seconds_until(
        lambda: terminal.output.count(b"decoding") >= 10,
        terminal.process.pid,
        "ten drawings",
        pause=terminal.read,
    )
    assert drawn_s <= 10, "it is drawn about once a second"
    terminal.read(began + 10 - time.monotonic())
    seconds = time.monotonic() - began
    assert len(terminal.output) / seconds < STEADY_BYTES_PER_S
    assert (terminal.cpu_s() - cpu_s) / seconds < IDLE_CPU


def test_64_hosts_of_12_workers_cost_as_little_and_a_key_is_quick(root: Path) -> None:
    with Terminal(["-m", "tests.support.fake_poller", "steady-hosts", str(root)]) as terminal:
        terminal.wait_for("64 hosts")
        terminal.type("\x1b[Z" + "j" * 9 + " ")  # the workers of one of them are unfolded
        terminal.wait_for("proving")
        terminal.read(2)
        terminal.output = b""
        began = time.monotonic()
        terminal.read(4)
        assert len(terminal.output) / (time.monotonic() - began) < STEADY_BYTES_PER_S
    with Terminal(["-m", "tests.support.fake_poller", "many-hosts", str(root)]) as terminal:
        terminal.wait_for("64 hosts")
        terminal.type("\x1b[Z" + " j" * 20)
        terminal.wait_for_silence(1)
        keys, cpu_s = 30, terminal.cpu_s()
        for _ in range(keys):
            terminal.type("j")
            terminal.read(0.02)
        terminal.wait_for_silence(0.5)
        assert (terminal.cpu_s() - cpu_s) / keys < 0.05


def test_a_status_that_does_not_change_costs_nothing(root: Path) -> None:
    with Terminal(["-m", "tests.support.fake_poller", "paused", str(root)]) as terminal:
        terminal.wait_for("PAUSED")
        terminal.wait_for_silence(1)
        assert terminal.read(3) == b""


def test_ends_when_the_terminal_goes_away(terminal: Terminal) -> None:
    terminal.hang_up()
    assert terminal.wait_for_end() < ENDS_WITHIN_S


def test_ends_when_the_terminal_goes_away_without_a_signal(root: Path) -> None:
    """As under nohup: only the end of the input tells, and Textual would spin on it."""
    deaf = (
        "import signal, tests.support.fake_poller; install = signal.signal; "
        "signal.signal = lambda n, handler: install(n, signal.SIG_IGN if n == signal.SIGHUP else handler); "
        "tests.support.fake_poller.main()"
    )
    with Terminal(["-c", deaf, "steady", str(root)]) as terminal:
        terminal.wait_for("RUNNING")
        terminal.hang_up()
        assert terminal.wait_for_end() < ENDS_WITHIN_S


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_ends_on_a_signal_and_gives_the_terminal_back(root: Path, number: signal.Signals) -> None:
    with Terminal(["-m", "tests.support.fake_poller", "steady", str(root)]) as terminal:
        before = termios.tcgetattr(terminal.master)
        terminal.wait_for("RUNNING")
        assert termios.tcgetattr(terminal.master)[3] != before[3], "the app has the terminal raw"
        os.kill(terminal.process.pid, number)
        assert terminal.wait_for_end() < ENDS_WITHIN_S
        assert terminal.process.returncode == 128 + number
        assert termios.tcgetattr(terminal.master)[3] == before[3]
        assert terminal.output.rstrip().endswith(b"\x1b[?7h"), (
            "alternate screen, cursor and line wrap are as before"
        )


def test_an_interrupt_from_outside_does_not_end_it(terminal: Terminal) -> None:
    os.kill(terminal.process.pid, signal.SIGINT)
    terminal.output = b""
    terminal.wait_for("decoding")
    assert terminal.process.poll() is None


def test_control_c_shows_how_to_leave(terminal: Terminal) -> None:
    terminal.type("\x03")
    terminal.wait_for("q leaves")
    assert terminal.process.poll() is None


def test_leaves_with_q_and_the_terminal_is_as_before(terminal: Terminal) -> None:
    terminal.type("q")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.wait_for_end() < ENDS_WITHIN_S
    assert terminal.process.returncode == 0


def test_a_stalled_terminal_stops_only_the_app(root: Path) -> None:
    """The terminal is not read for a while: the app waits without using the processor, and answers afterwards."""
    with Terminal(["-m", "tests.support.fake_poller", "flood", str(root)]) as terminal:
        terminal.wait_for("RUNNING")
        time.sleep(3)  # the stall itself: the terminal's buffer is full long before
        cpu_s = terminal.cpu_s()
        time.sleep(2)  # while the CPU time is measured
        assert (terminal.cpu_s() - cpu_s) / 2 < 0.5
        terminal.read(2)
        terminal.type("q")
        terminal.wait_for("\x1b[?1049l")
        assert terminal.wait_for_end() < ENDS_WITHIN_S


def test_a_stalled_terminal_that_goes_away_ends_the_app(root: Path) -> None:
    with Terminal(["-m", "tests.support.fake_poller", "flood", str(root)]) as terminal:
        terminal.wait_for("RUNNING")
        time.sleep(2)  # the stall itself
        terminal.hang_up()
        assert terminal.wait_for_end() < ENDS_WITHIN_S


def test_the_end_rings_once(root: Path) -> None:
    with Terminal(["-m", "tests.support.fake_poller", "ending", str(root)]) as terminal:
        terminal.wait_for("FINISHED")
        terminal.wait_for("photostat: the run has finished\x07\x07")
        terminal.read(2)
        assert terminal.output.count(b"\x1b]9;photostat: the run has finished\x07\x07") == 1


def test_without_a_terminal_it_is_one_clear_line(root: Path) -> None:
    code = "import sys, pathlib, engine.workspace, tui.app; "
    code += "tui.app.run(engine.workspace.Workspace(pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert "needs a terminal" in done.stderr.splitlines()[-1]


def test_a_picture_is_small_and_asks_the_terminal_nothing(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, width=1200, height=900)
    with Terminal(["-m", "tui.cli", "-C", str(root)]) as terminal:
        terminal.wait_for("STOPPED")
        terminal.type("i")
        terminal.wait_for("Images")
        terminal.type("\r")
        terminal.wait_for("original name")
        terminal.wait_for_silence(0.5)
        before = len(terminal.output)
        terminal.type("I")
        terminal.wait_for("▀")
        terminal.wait_for("There is none: the image is pending.")
        terminal.wait_for_silence(1.0)
        drawn = terminal.output[before:]
        assert len(drawn) < 20_000
        assert not re.search(rb"\x1b\[[?>=]?[0-9;]*[cnt]|\x1b_|\x1bP", drawn), "a question, or graphics"
        assert b"\x1b[38;5;" in drawn


@pytest.mark.parametrize(("way", "begins"), [("sixel", b"\x1bP"), ("kitty", b"\x1b_G")])
def test_pictures_of_pixels_come_when_asked_for_and_are_taken_away(
    workspace: MakeWorkspace, way: str, begins: bytes
) -> None:
    root = workspace(images=1, width=1200, height=900)
    with Terminal(["-m", "tui.cli", "-C", str(root)], env={"PHOTOSTAT_PICTURES": way}) as terminal:
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
        terminal.wait_for("STOPPED")
        terminal.type("i")
        terminal.wait_for("Images")
        terminal.type("\r")
        terminal.wait_for("original name")
        terminal.wait_for_silence(0.5)
        before = len(terminal.output)
        terminal.type("I")
        terminal.wait_for("There is none: the image is pending.")
        wait_until(lambda: begins in terminal.output[before:], "the picture", pause=terminal.read)
        terminal.wait_for_silence(1.0)
        drawn = terminal.output[before:]
        assert len(drawn) < 400_000 and not re.search(rb"\x1b\[[?>=]?[0-9;]*[cnt]", drawn)
        terminal.type("I")
        terminal.wait_for("original name", 2)
        terminal.wait_for_silence(0.5)
        is_deleted = b"\x1b_Ga=d" in terminal.output[before:]
        assert is_deleted == (way == "kitty"), "kitty keeps pictures until they are deleted"
