"""What is run over ssh, and what follows when it fails: nothing is asked, pauses grow, and people are told once."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import pytest

from engine.config.ssh_hosts import SshHost, read_ssh_hosts
from engine.hosts import ssh
from engine.hosts.ssh import SshHosts, pause_s, ssh_command
from engine.ledger.states import EventKind
from tests.support.waiting import wait_until


class Told:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def info(self, kind: EventKind, message: str, /, *, pid: int | None = None) -> None:
        self.messages.append(message)

    warning = info


def hosts_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, told: Told) -> SshHosts:
    """One host, c, with this in the place of ssh."""
    (tmp_path / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return SshHosts(
        (SshHost("c", "c"),),
        "photostat",
        lambda name: f"for {name}\n",
        lambda _: False,
        told,
        lambda _: (tmp_path / "forgotten").exists(),
    )


def test_a_hosts_name_comes_from_what_ssh_is_told() -> None:
    given = [
        "conv2",
        "user@conv3.lib",
        "ssh://me@conv_4:2222",
        {"at": "10.0.0.5", "name": "big", "workers": 8},
    ]
    hosts = read_ssh_hosts(given)
    assert [host.name for host in hosts] == ["conv2", "conv3.lib", "conv-4", "big"]
    for wrong in (
        "conv2",
        [""],
        ["-oX"],
        ["a b"],
        [{"name": "b"}],
        [{"at": "b", "wrokers": 1}],
        ["x", "u@x"],
    ):
        with pytest.raises(ValueError):
            read_ssh_hosts(wrong)
    with pytest.raises(ValueError, match="did you mean workers"):
        read_ssh_hosts([{"at": "b", "wrokers": 1}])


def test_ssh_asks_nothing_shares_no_connection_and_runs_a_login_shell() -> None:
    command = ssh_command(SshHost("u@c", "c", workers=3, scratch="/d/a b"), "/opt/photostat")
    assert {"BatchMode=yes", "ControlMaster=no", "ControlPath=none", "ServerAliveInterval=5"} <= set(command)
    assert command[-3:-1] == ["--", "u@c"]
    shell, login, remote = shlex.split(command[-1])
    assert (shell, login) == ("sh", "-lc")
    assert shlex.split(remote) == [
        *("exec", "/opt/photostat", "host", "-", "--while-stdin", "--workers", "3", "--scratch", "/d/a b")
    ]


def test_pauses_grow_to_ten_minutes_and_a_reason_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert [pause_s(failures) for failures in (1, 2, 3, 8, 99)] == [5, 10, 20, 600, 600]
    told, reason = Told(), tmp_path / "reason"
    script = f'cat > "{tmp_path}/read" & cat "{reason}" >&2; echo x >> "{tmp_path}/tries"; exit 255'
    hosts = hosts_of(monkeypatch, tmp_path, script, told)
    now = 0.0

    def tries() -> int:
        file = tmp_path / "tries"
        return len(file.read_text().split()) if file.exists() else 0

    def seen(now: float) -> bool:
        hosts.look(now)
        return not list(hosts._running())

    def fail(why: str, pause: float) -> None:
        nonlocal now
        reason.write_text(f"a banner\n{why}\n")
        before = tries()
        hosts.look(now)
        wait_until(lambda: tries() > before, "the attempt")
        wait_until(lambda: seen(now), "its end to be seen")
        hosts.look(now + pause - 1.0)
        assert tries() == before + 1, "not before its pause has passed"
        now += pause + 0.1

    fail("Permission denied (publickey).", 5.0)
    fail("Permission denied (publickey).", 10.0)
    fail("Connection refused", 20.0)
    assert len(told.messages) == 2
    assert "c was not started over ssh: Permission denied (publickey). Tried" in told.messages[0]
    asyncio.run(hosts.close())


def test_who_was_forgotten_or_has_left_by_order_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = Told()
    (tmp_path / "forgotten").touch()
    hosts = hosts_of(monkeypatch, tmp_path, "exit 0", told)
    for now in (0.0, 10_000.0):
        hosts.look(now)
    assert not list(hosts._running())
    assert [message.partition(":")[0] for message in told.messages] == [
        "c is not started over ssh, for it was forgotten"
    ]
    joined: set[str] = set()
    events = Told()
    drained = SshHosts(
        (SshHost("c", "c"),),
        "photostat",
        lambda name: f"for {name}\n",
        joined.__contains__,
        events,
        lambda _: False,
    )
    drained.look(0.0)
    joined.add("c")  # and is then drained: its process ends with 0

    def has_ended() -> bool:
        drained.look(1.0)
        return not list(drained._running())

    wait_until(has_ended, "its end to be seen")
    joined.clear()
    drained.look(10_000.0)
    assert not list(drained._running()) and events.messages == []


def test_an_ssh_that_waits_for_somebody_is_cut_off_and_one_that_does_not_exist_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = Told()
    hosts = hosts_of(monkeypatch, tmp_path, 'echo "Password:" >&2; exec sleep 1000', told)
    hosts.look(0.0)
    hosts.look(ssh._STARTS_WITHIN_S + 1.0)

    def is_told() -> bool:
        hosts.look(ssh._STARTS_WITHIN_S + 2.0)
        return bool(told.messages)

    wait_until(is_told, "what is told")
    assert "nothing has begun there within 90 s" in told.messages[0]
    (tmp_path / "ssh").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    hosts.look(10_000.0)
    assert "ssh cannot be started: No such file or directory" in told.messages[1]
