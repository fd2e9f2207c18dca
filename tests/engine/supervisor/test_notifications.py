"""What the engine has notified: the morning at its time, holds, and what is lost if the process that sends is gone."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from engine.config import NotifySettings
from engine.control.snapshot import Hold, HoldReason, State
from engine.ledger.account import Account
from engine.notify.protocol import Occasion
from engine.supervisor.event_log import EventLog
from engine.supervisor.notifications import Notifier, RunNow
from engine.workspace import Workspace
from tests.support.notified import documents
from tests.support.waiting import wait_until
from tests.support.wrong_server import WrongServer

RUNNING = RunNow(State.RUNNING, Account(rows=5, pending=2, done=3))
HELD = Hold(HoldReason.STORE, "the store does not answer", 0.0, None)


class Events:
    """Takes down what becomes an event."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warning(self, kind: Any, message: str, **_: Any) -> None:
        self.messages.append(message)

    info = warning


def notifier_of(root: Path, server: WrongServer, events: Events, morning: str = "") -> Notifier:
    settings = NotifySettings(urls=(f"{server.endpoint}/hook",), morning=morning)
    return Notifier(settings, Workspace(root), cast(EventLog, events), None, os.getpid())


def test_the_morning_is_told_once_and_a_hold_that_flaps_is_told_once(
    tmp_path: Path, wrong_server: WrongServer
) -> None:
    at = (datetime.now() - timedelta(minutes=1)).strftime("%H:%M")
    notifier = notifier_of(tmp_path, wrong_server, Events(), at)
    notifier.start()
    notifier._told_morning -= timedelta(days=1)
    for turn in range(40):
        notifier.look(HELD if turn % 2 else None, lambda: RUNNING)
    notifier.close()
    told = documents(wrong_server, "/hook")
    assert [document["event"] for document in told] == ["morning", "holding"]
    assert told[0]["text"] == "running: 5 images: 2 pending, 3 done"
    assert told[1]["hold"]["detail"] == "the store does not answer"


def test_a_process_that_was_killed_is_there_again_for_the_next_notification(
    tmp_path: Path, wrong_server: WrongServer
) -> None:
    events = Events()
    notifier = notifier_of(tmp_path, wrong_server, events)
    notifier.start()
    assert notifier._process is not None
    sender = notifier._process
    os.kill(sender.pid, signal.SIGKILL)
    wait_until(lambda: sender.exit_code is not None, "its end")
    notifier.notify(Occasion.FINISHED, "all is done", RUNNING)
    notifier.close()
    assert [document["event"] for document in documents(wrong_server, "/hook")] == ["finished"]


def test_one_that_is_stopped_delays_nothing_and_gets_all_of_it_later(
    tmp_path: Path, wrong_server: WrongServer
) -> None:
    notifier = notifier_of(tmp_path, wrong_server, Events())
    notifier.start()
    assert notifier._process is not None
    sender = psutil.Process(notifier._process.pid)
    sender.suspend()
    for number in range(12):
        notifier.notify(Occasion.HOLDING, f"{number}: " + "x" * 9000, RUNNING)  # more than a pipe takes
    sender.resume()
    notifier.close()
    told = [document["text"][:3] for document in documents(wrong_server, "/hook")]
    assert told == [f"{number}: "[:3] for number in range(12)]


def test_nothing_is_started_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notifier = Notifier(NotifySettings(), Workspace(tmp_path), cast(EventLog, Events()), None, os.getpid())
    monkeypatch.setattr("engine.supervisor.notifications.NotifyProcess", None)
    notifier.start()
    notifier.notify(Occasion.FINISHED, "all is done", RUNNING)
    notifier.look(HELD, lambda: RUNNING)
    notifier.close()
