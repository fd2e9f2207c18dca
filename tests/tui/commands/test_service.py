"""systemd understands the unit, and what its ExecStart starts is the engine: it drains, crashes and ends as such."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.host import FINISHES_WITHIN_S
from engine.hosts.invitations import Authority
from engine.ledger.lock import find_engine
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import resume_worker, status, suspend_busy_worker
from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S, wait_until
from tui.commands.service import unit_name, unit_of

ODD = 'my "100%" $HOME w\\örk'


def settings_of(unit: str) -> dict[str, str]:
    lines = [line for line in unit.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def words_of(command: str) -> list[str]:
    """As systemd reads them: systemd.syntax(7), systemd.service(5)."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', command)
    return [
        re.sub(r"\\(.)", r"\1", quoted or plain).replace("%%", "%").replace("$$", "$")
        for quoted, plain in words
    ]


@pytest.mark.needs_tool("systemd-analyze")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    for number, name in enumerate(("plates", ODD)):
        root = tmp_path / str(number) / name
        photostat("init", root)
        unit = tmp_path / unit_name(str(root))
        unit.write_text(photostat("service", workspace=root).stdout)
        assert checked_by_systemd(unit, tmp_path) == (0, "")


def checked_by_systemd(unit: Path, tmp_path: Path) -> tuple[int, str]:
    checked = subprocess.run(
        [system_tool("systemd-analyze"), "--user", "verify", unit],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return checked.returncode, checked.stderr


@pytest.mark.needs_tool("systemd-analyze")
def test_systemd_understands_every_line_of_a_hosts_unit_and_what_it_starts_is_the_host(
    tmp_path: Path,
) -> None:
    directory = tmp_path / ODD
    directory.mkdir()
    file = directory / "conv2.pem"
    file.write_text(Authority(tmp_path / "cluster").invite("conv2", "tls://127.0.0.1:1").text())
    file.chmod(0o600)
    printed = photostat("service", "--host", file, "--workers", "3").stdout
    assert "PRIVATE KEY" not in printed
    unit = tmp_path / "photostat-host-conv2.service"
    unit.write_text(printed)
    assert checked_by_systemd(unit, tmp_path) == (0, "")
    assert float(settings_of(printed)["TimeoutStopSec"]) > FINISHES_WITHIN_S
    command = words_of(settings_of(printed)["ExecStart"])
    assert command[-6:] == [
        *("host", str(file), "--scratch", str(directory / "photostat-conv2-scratch"), "--workers", "3")
    ]
    host = subprocess.Popen(command, cwd="/", stderr=subprocess.PIPE, text=True)
    assert host.stderr is not None and "connects to tls://127.0.0.1:1" in host.stderr.readline()
    host.send_signal(signal.SIGTERM)
    assert host.wait(LONGEST_WAIT_S) == 0
    refused = photostat("service", "--host", unit, expect=2).stderr
    assert "is no invitation" in refused and refused.count("\n") == 1


def test_what_the_unit_starts_is_the_engine_which_drains_and_ends(workspace: MakeWorkspace) -> None:
    root = workspace(images=3, width=1000, height=800, name=ODD)
    found = settings_of(photostat("service", "--workers", "1", workspace=root).stdout)
    assert found["WorkingDirectory"].replace("%%", "%") == str(root)
    command = words_of(found["ExecStart"])
    assert Path(command[0]).is_absolute() and command[1:3] == ["-C", str(root)]

    engine = begin(command)
    worker = suspend_busy_worker(root)
    assert status(root)["engine"]["pid"] == engine.pid
    engine.send_signal(signal.SIGTERM)  # systemctl stop
    wait_until(lambda: status(root)["state"] == "draining", "the drain")
    resume_worker(worker)
    assert engine.wait(LONGEST_WAIT_S) == 1 and found["SuccessExitStatus"] == "1"
    assert status(root)["totals"]["done"] >= 1 and status(root)["totals"]["pending"] >= 1

    engine = begin(command)
    suspend_busy_worker(root)
    assert "already running" in photostat("run", "--foreground", workspace=root, expect=2).stderr
    photostat("pause", workspace=root)
    paused = status(root)["pause"]
    engine.kill()
    assert engine.wait(LONGEST_WAIT_S) == -signal.SIGKILL and found["Restart"] == "on-failure"

    engine = begin(command)
    wait_until(lambda: status(root)["engine"], "the engine that systemd starts again")
    assert (status(root)["state"], status(root)["pause"]) == ("paused", paused), "a person is obeyed"
    engine.kill()
    engine.wait(LONGEST_WAIT_S)
    engine = begin(command)
    wait_until(lambda: status(root)["engine"], "the next one")
    assert status(root)["pause"] == paused
    engine.send_signal(signal.SIGTERM)  # an orderly reboot
    assert engine.wait(LONGEST_WAIT_S) == 1
    assert photostat("status", workspace=root).stdout.startswith("STOPPED; no engine runs\n")
    engine = begin(command)
    wait_until(lambda: status(root)["engine"], "the one after the reboot")
    assert status(root)["pause"] == paused
    photostat("resume", workspace=root)
    assert engine.wait(LONGEST_WAIT_S) == 0
    assert status(root)["totals"]["done"] == 3 and find_engine(root / "ledger.lock") is None


def begin(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_failed_images_are_no_reason_to_start_again(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    next((root / "source").rglob("*.jp2")).write_bytes(b"no image at all" * 40)
    found = settings_of(photostat("service", workspace=root).stdout)
    assert begin(words_of(found["ExecStart"])).wait(LONGEST_WAIT_S) == 1


def test_every_path_is_escaped_or_refused() -> None:
    unit = unit_of(Workspace(Path("/data/a b ")), ["/opt/$x/photostat"], [], is_s3=False)
    assert 'ExecStart=/usr/bin/env "/opt/$$x/photostat" -C "/data/a b " run --foreground\n' in unit
    assert "WorkingDirectory" not in unit and "EnvironmentFile" not in unit
    ends = unit_of(Workspace(Path("/data/a\\")), ["/p/photostat"], [], is_s3=True)
    assert not [line for line in ends.splitlines() if line.endswith("\\")] and "EnvironmentFile" in ends
    for path in ("/data/a\nExecStart=/bin/evil", "/data/\udcff"):
        with pytest.raises(UserError, match="not text"):
            unit_of(Workspace(Path(path)), ["/p/photostat"], [], is_s3=False)


def test_only_one_way_to_watch_may_be_given(tmp_path: Path) -> None:
    photostat("init", tmp_path / "w")
    for ways in (("--headless", "--foreground"), ("--detach", "--foreground"), ("--headless", "--detach")):
        assert "give one of them" in photostat("run", *ways, workspace=tmp_path / "w", expect=2).stderr
