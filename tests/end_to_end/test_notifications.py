"""People are told of the end, of holds and of an engine's death, through real servers; and nothing waits for them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil

from engine.ledger.lock import find_engine
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    restore_share,
    start_engine,
    start_engine_without_share,
    status,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.notified import MailServer, documents, refusing_port, silent_port, text_of
from tests.support.waiting import LONGEST_WAIT_S, has_ended, wait_until
from tests.support.wrong_server import WrongServer


def settings(*urls: str) -> str:
    return f"[notify]\nurls = {list(urls)!r}\n"


def notifying(pid: int) -> psutil.Process:
    """The process that notifies for this engine."""
    found = [one for one in psutil.Process(pid).children() if "engine.notify" in one.cmdline()]
    assert len(found) == 1, found
    return found[0]


def events(root: Path) -> list[str]:
    with LedgerReader(Workspace(root)) as reader:
        return [event.message for event in reader.events()]


def occasions(server: WrongServer, path: str) -> list[str]:
    return [document["event"] for document in documents(server, path)]


def test_the_end_is_told_everywhere_and_one_that_hangs_or_refuses_delays_nothing(
    workspace: MakeWorkspace, wrong_server: WrongServer, mail_server: MailServer
) -> None:
    with silent_port() as port:
        apprise = wrong_server.endpoint.replace("http:", "json:")
        root = workspace(
            images=2,
            settings=settings(
                f"{wrong_server.endpoint}/post",
                f"{apprise}/apprise",
                mail_server.url,
                f"http://127.0.0.1:{port}/sesame",
                f"mailto://127.0.0.1:{port}?from=a@b.org",
                f"http://127.0.0.1:{refusing_port()}/sesame",
            ),
        )
        printed = photostat("run", "--headless", workspace=root)
        assert find_engine(root / "ledger.lock") is None and status(root)["state"] == "finished"
        assert of_workspace(root), "it still waits for what hangs"
    wait_until(lambda: mail_server.mails, "the mail")
    assert occasions(wrong_server, "/post") == ["finished"]
    (document,) = documents(wrong_server, "/post")
    assert document["account"]["done"] == 2 and document["state"] == "finished"
    assert "finished: began" in document["report"]
    assert document["report"] in text_of(mail_server.mails[0])
    (refused,) = [event for event in events(root) if "did not take" in event]
    assert "address 6 (http://127.0.0.1" in refused and "Connection refused" in refused
    wait_until(lambda: not of_workspace(root), "the end of what notifies")
    output = (root / "logs/engine-output.log").read_text()
    assert "address 4 (http://127.0.0.1" in output and "address 5 (mailto://…)" in output
    logs = [log.read_text() for log in (root / "logs").iterdir()]
    assert not [text for text in (printed.stdout, printed.stderr, *events(root), *logs) if "sesame" in text]


def of_workspace(root: Path) -> list[psutil.Process]:
    """Processes that notify, whose output is this workspace's."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "engine.notify" in (process.info["cmdline"] or []):
            try:
                if Path(f"/proc/{process.pid}/fd/2").readlink().is_relative_to(root):
                    found.append(process)
            except OSError:
                continue
    return found


def test_a_hold_and_its_end_are_told_and_status_and_settings_stay_as_they_are(
    workspace: MakeWorkspace, wrong_server: WrongServer
) -> None:
    root = workspace(images=2, settings=settings(f"{wrong_server.endpoint}/hook"))
    start_engine_without_share(root)
    wait_until(lambda: occasions(wrong_server, "/hook"), "the notification")
    restore_share(root)
    wait_for_end(root)
    wait_until(lambda: len(occasions(wrong_server, "/hook")) == 2, "the end's notification")
    held, finished = documents(wrong_server, "/hook")
    assert held["event"] == "holding" and held["state"] == "holding" and held["hold"]["reason"] == "source"
    assert held["text"].startswith("source: ") and held["account"]["pending"] == 2
    assert finished["event"] == "finished" and finished["account"]["done"] == 2


def test_an_engine_that_is_killed_with_its_group_is_told_by_a_process_that_then_ends(
    workspace: MakeWorkspace, wrong_server: WrongServer
) -> None:
    root = workspace(images=2, **LARGE, settings=settings(f"{wrong_server.endpoint}/hook"))
    pid = start_engine(root)
    suspend_busy_worker(root)
    watchdog = notifying(pid)
    assert os.getsid(watchdog.pid) == watchdog.pid != os.getsid(pid)
    files = {str(file.readlink()) for file in Path(f"/proc/{watchdog.pid}/fd").iterdir()}
    assert not [file for file in files if "ledger" in file or "socket" in file or "pts" in file], files
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        watchdog.send_signal(number)
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    os.killpg(pid, signal.SIGKILL)
    (document,) = wait_until(lambda: documents(wrong_server, "/hook"), "the notification of the death")
    assert document["event"] == "died" and document["state"] == "stopped"
    assert f"(pid {pid}, since" in document["text"] and "was killed" in document["text"]
    assert "`photostat run` continues" in document["text"] and document["account"]["rows"] == 2
    assert "died" in document["report"] and "`photostat run`" in document["report"]
    _, alive = psutil.wait_procs(family, timeout=LONGEST_WAIT_S)
    assert not alive

    start_engine(root)
    wait_for_end(root)
    wait_until(lambda: len(occasions(wrong_server, "/hook")) == 3, "the next engine's notifications")
    assert occasions(wrong_server, "/hook") == ["died", "restarted", "finished"]
    wait_until(lambda: not of_workspace(root), "the end of what notifies")


def test_an_engine_that_is_stopped_has_not_died(workspace: MakeWorkspace, wrong_server: WrongServer) -> None:
    root = workspace(images=2, **LARGE, settings=settings(f"{wrong_server.endpoint}/hook"))
    pid = start_engine(root)
    suspend_busy_worker(root)
    watchdog = notifying(pid)
    photostat("stop", workspace=root)
    wait_until(lambda: has_ended(watchdog), "the end of what notifies")
    assert occasions(wrong_server, "/hook") == ["stopped"]


def test_what_notifies_is_started_again_if_something_ends_it(
    workspace: MakeWorkspace, wrong_server: WrongServer
) -> None:
    root = workspace(images=2, **LARGE, settings=settings(f"{wrong_server.endpoint}/hook"))
    pid = start_engine(root)
    suspend_busy_worker(root)
    notifying(pid).kill()
    wait_until(
        lambda: any("the process that notifies was killed by SIGKILL" in e for e in events(root)), "the event"
    )
    kill_engine(pid)


def test_without_apprise_its_addresses_are_refused_in_one_line_and_posts_work(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    env = {"PYTHONPATH": str(tmp_path / "hidden")}
    root = workspace(images=1, settings=settings("slack://sesame/open/door"), add=False)
    for command in (["check"], ["run", "--detach"], ["notify"]):
        told = photostat(*command, workspace=root, env=env, expect=2).stderr
        assert told.count("\n") == 1 and "sesame" not in told
        assert (
            "photostat.toml: [notify] urls: slack://… needs apprise" in told and "pip install apprise" in told
        )
    (root / "photostat.toml").write_text(settings(f"http://127.0.0.1:{refusing_port()}"))
    assert "JSON POST" in photostat("notify", workspace=root, env=env).stdout


def test_an_address_that_nobody_understands_starts_no_engine(workspace: MakeWorkspace) -> None:
    root = workspace(images=1, settings=settings("slakc://sesame/open/door"))
    for command in (["check"], ["run", "--detach"], ["notify", "--test"]):
        told = photostat(*command, workspace=root, expect=2)
        assert (
            told.stderr.count("\n") == 1
            and "[notify] urls: apprise does not understand address 1" in told.stderr
        )
        assert "sesame" not in told.stderr
    assert find_engine(root / "ledger.lock") is None and not of_workspace(root)


def test_every_address_can_be_tried(
    workspace: MakeWorkspace, wrong_server: WrongServer, mail_server: MailServer
) -> None:
    away = f"https://127.0.0.1:{refusing_port()}/sesame"
    root = workspace(images=1, settings=settings(f"{wrong_server.endpoint}/hook", mail_server.url))
    tried: dict[str, Any] = photostat("notify", "--test", "--json", workspace=root).json
    assert [address["taken"] for address in tried["addresses"]] == [True, True]
    (document,) = documents(wrong_server, "/hook")
    assert document["event"] == "test" and document["account"]["pending"] == 1 and document["engine"] is None
    assert "a test" in text_of(mail_server.mails[0])

    (root / "photostat.toml").write_text(
        settings(f"{wrong_server.endpoint}/hook", away) + 'morning = "08:00"\n'
    )
    printed = photostat("notify", "--test", workspace=root, expect=1)
    assert (
        "not taken: Connection refused" in printed.stdout and "sesame" not in printed.stdout + printed.stderr
    )
    assert "every day at 08:00" in photostat("notify", workspace=root).stdout
    (root / "photostat.toml").write_text("")
    assert "[notify] urls is empty" in photostat("notify", "--test", workspace=root, expect=2).stderr
