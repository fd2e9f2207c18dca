"""Keys of every page that come in one piece, as from a stalled connection: each is taken where it was meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledgers import make_ledger
from tests.support.terminals import Terminal
from tests.support.waiting import wait_until

FAILED = 12
ACCEPTS_THE_FIRST = "Accept(selection=Selection(ids=(1,), batch=None, cause=None, all=False, text=None), "


class TypedAt:
    """The app on a terminal; `burst` types in one write."""

    def __init__(self, terminal: Terminal, log: Path) -> None:
        self.terminal = terminal
        self._log = log

    def burst(self, keys: str) -> None:
        self.terminal.output = b""
        self.terminal.type(keys)

    @property
    def sent(self) -> list[str]:
        """The commands so far, without the event up to which selections are meant."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [re.sub(r", until_event=\d+", "", line) for line in lines]

    def wait_for_sent(self, *commands: str) -> None:
        """Of the last burst; nothing else has been sent before."""
        wait_until(
            lambda: len(self.sent) >= len(commands),
            lambda: f"{commands}; sent: {self.sent}",
            pause=self.terminal.read,
        )
        assert [line.partition("(")[0] for line in self.sent] == [c.partition("(")[0] for c in commands]
        for line, wanted in zip(self.sent, commands, strict=True):
            assert wanted.rstrip(")") in line
        self._log.unlink()


@pytest.fixture
def at(tmp_path: Path) -> Iterator[TypedAt]:
    root = make_ledger(tmp_path / "workspace", 50, failed=FAILED, done=1).root
    log = tmp_path / "sent"
    with Terminal(["-m", "tests.support.fake_poller", "running", str(root), str(log)], rows=40) as terminal:
        terminal.wait_for("RUNNING")
        yield TypedAt(terminal, log)
        assert terminal.process.poll() is None, "nothing that was typed has left the app"


def test_bursts_on_the_dashboard(at: TypedAt) -> None:
    at.burst("cpcp++c-")
    at.wait_for_sent("Pause", "Resume", "SetWorkers(count=9", "SetWorkers(count=10", "SetWorkers(count=9")
    at.burst("hrJ\tKJhnhy")  # they are keys of the batches, and tab gives these the keys
    at.wait_for_sent(
        "MoveBatch(batch='newspapers'", "MoveBatch(batch='newspapers'", "HoldBatch(batch='newspapers'"
    )
    at.burst("rvsad\rva\r\t")  # s and d are no answers, a approves; a note may be empty
    at.wait_for_sent(
        "ReleaseBatch(batch='newspapers'",
        "Approve(batch='newspapers', note='d'",
        "Approve(batch='newspapers', note=''",
    )
    at.burst("drawing")  # d asks, r and a and w and i are no answers, n is No
    at.terminal.wait_for("Drain and end the engine?")
    at.burst("n/drawing")
    at.terminal.wait_for("No image matches.")
    at.burst("\x1b\x1b?/drain\r\x1b\x1bi\r/dSq\r\x1b\x1b")  # from the help and from an image's page
    at.burst("Sq")  # in a question q is No
    at.terminal.wait_for("Stop the engine?")
    at.burst("dy")
    at.wait_for_sent("Drain")
    at.burst("Sy")
    at.wait_for_sent("Stop")


def test_bursts_on_the_workers(at: TypedAt) -> None:
    at.burst("xXp")  # the failures have the keys
    at.wait_for_sent("Pause")
    at.burst("\x1b[Zjxnxy")  # shift+tab
    at.wait_for_sent("Skip(image=1001, started=")
    at.burst("kXyp")
    at.wait_for_sent("Skip(image=1000, started=", "Resume")


def test_bursts_with_several_hosts(tmp_path: Path) -> None:
    root, log = make_ledger(tmp_path / "workspace", 50, failed=FAILED).root, tmp_path / "sent"
    command = ["-m", "tests.support.fake_poller", "three-hosts", str(root), str(log)]
    with Terminal(command, rows=40, columns=120) as terminal:
        terminal.wait_for("3 hosts")
        at = TypedAt(terminal, log)
        at.burst("hxX \x1bp")  # on the page of the first host nobody is skipped
        at.wait_for_sent("Pause")
        at.burst(
            "\x1b[Z  xjxnjxy"
        )  # the row of a host is folded and unfolded; then its second worker is skipped
        at.wait_for_sent("Skip(image=1001, started=")
        at.burst("GkkhnN\tnnxp\x1bGxXp")  # through the pages of all; a host has no image
        at.wait_for_sent("Resume", "Pause")
        at.burst("\t\tH\x1bh")  # the batches have the keys: H opens the page of a host, and h holds a batch
        terminal.wait_for("Hold newspapers?")
        at.burst("np")
        at.wait_for_sent("Resume")
        at.burst("HnnDxnDy+Fy\x1bp")  # on the page of conv2; x is no answer
        at.wait_for_sent(
            "DrainHost(host='conv2'", "SetWorkers(count=4, host='conv2'", "ForgetHost(host='conv2'", "Pause"
        )


def test_bursts_on_the_failures_page(at: TypedAt) -> None:
    at.burst("f/drawing")
    at.terminal.wait_for("drawing")
    at.terminal.wait_for("No failed image here.")
    at.burst("\r")
    at.burst("f")
    at.terminal.wait_for(f"of {FAILED}")
    at.burst("arSdq")
    at.terminal.wait_for("rSdq")
    at.burst("\r")
    at.wait_for_sent(ACCEPTS_THE_FIRST + "reason='rSdq'")
    at.burst("ttR")  # t is no key of this page
    at.terminal.wait_for(f"Requeue {FAILED} images?")
    at.burst("y")
    at.wait_for_sent("Requeue(selection=Selection(ids=(), batch=None, cause=None, all=True")
    at.burst("  jr")
    at.wait_for_sent("Requeue(selection=Selection(ids=(1, 2)")


def test_bursts_that_open_the_page_they_are_meant_for(at: TypedAt) -> None:
    at.burst("f/p0003\rRy")
    at.wait_for_sent("Requeue(selection=Selection(ids=(), batch=None, cause=None, all=False, text='p0003'")
    at.burst("fjjr")
    at.wait_for_sent("Requeue(selection=Selection(ids=(3,)")
    at.burst("i\rr")
    at.wait_for_sent("Requeue(selection=Selection(ids=(1,)")
    at.burst("i\ra gone, d\r")
    at.wait_for_sent(ACCEPTS_THE_FIRST + "reason='gone, d'")
    at.burst("f\ru/Sd\rp")  # the page of a representation has no a and no r
    at.wait_for_sent("Pause")


def test_bursts_on_the_page_of_a_delivered_image(at: TypedAt) -> None:
    at.burst("ittt\rvnSdq\rvqvfp")  # in a reason no key is a command; q answers nothing
    at.wait_for_sent(
        f"GiveVerdicts(verdicts=(GivenVerdict(image={FAILED + 1}, verdict=<Verdict.NOT_FINE: 'not-fine'>",
        f"GiveVerdicts(verdicts=(GivenVerdict(image={FAILED + 1}, verdict=<Verdict.FINE: 'fine'>",
        "Pause",
    )


def test_bursts_on_pages_without_decisions(at: TypedAt) -> None:
    at.burst("irRaA jkp")
    at.wait_for_sent("Pause")
    at.burst("e/drain\rraRAp")
    at.wait_for_sent("Resume")
    at.burst("?raRAtp")
    at.wait_for_sent("Pause")
    at.burst("f:drain\r")
    at.terminal.wait_for("Drain and end the engine?")
    at.burst("n:zzzz\r")  # z, the first letter, finds another command
    at.terminal.wait_for("No matches found")
    assert at.sent == []
    at.burst("\x1b")
    at.terminal.wait_for("RUNNING")
    at.burst("Tterminal\r")  # R, A and r among them are letters of a name
    at.terminal.wait_for("Theme terminal.")
    assert at.sent == []


def test_bursts_on_the_event_log(at: TypedAt) -> None:
    at.burst("enrRaAh")  # only n is a key of this page
    at.terminal.wait_for("notable only")
    at.burst("nn/notable\r")
    at.terminal.wait_for("“notable”")
    assert at.sent == []


def test_bursts_with_esc(at: TypedAt) -> None:
    """Esc and what was typed after it are two keys, though a terminal sends alt and a key in the same way."""
    at.burst("fa gone\x1b\r\x1b\x1bp")  # esc cancels, enter opens the image's page
    at.wait_for_sent("Pause")
    at.burst("f/p0003\x1b/drawing\x1b\x1bp")
    at.wait_for_sent("Resume")
    at.burst("d\x1bS\x1b?\x1be\x1b:drain\x1bp")
    at.wait_for_sent("Pause")


def test_bytes_that_are_no_text_are_no_keys(at: TypedAt) -> None:
    os.write(at.terminal.master, b"\xe9f/\xe9\xff\x1b\x1bp")
    at.wait_for_sent("Pause")


def test_what_is_pasted_is_no_command(at: TypedAt) -> None:
    at.burst("\x1b[200~Sydyq\x1b[201~p")
    at.wait_for_sent("Pause")
    at.burst("f/\x1b[200~p0007\x1b[201~\rRy")
    at.wait_for_sent("Requeue(selection=Selection(ids=(), batch=None, cause=None, all=False, text='p0007'")


def test_nothing_that_was_typed_after_q_is_done(tmp_path: Path) -> None:
    root, log = make_ledger(tmp_path / "workspace", 50).root, tmp_path / "sent"
    with Terminal(["-m", "tests.support.fake_poller", "running", str(root), str(log)]) as terminal:
        terminal.wait_for("RUNNING")
        terminal.type("qpdySy")
        terminal.wait_for_end()
    assert not log.exists()


def test_bursts_that_draw_a_picture(at: TypedAt) -> None:
    at.burst("i\rIrIIp")  # it is drawn, and taken away, without a key being lost
    at.wait_for_sent("Requeue(selection=Selection(ids=(1,)", "Pause")
    at.terminal.wait_for("No such file or directory")
    at.burst("\x1b")
    at.terminal.wait_for("1–")
    at.burst("\rIfp")  # f leaves the page while it is drawn
    at.wait_for_sent("Resume")
    at.terminal.wait_for(f"of {FAILED}")
