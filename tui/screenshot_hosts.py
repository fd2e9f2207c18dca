"""The picture of several machines in the README: the real app on a real engine, with two hosts that are processes here.

python -m tui.screenshot_hosts docs
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.control.launch import start_engine
from engine.control.snapshot import HostSnapshot, HostState
from engine.demo import make_demo
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.app import PhotostatApp
from tui.commands.demo import add_export
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import WorkspacePoller
from tui.screenshot import end_engine, lengthen, without_random_names
from tui.state.hosts import hosts_of

SIZE = (100, 30)
HOSTS = "screenshot-hosts.svg"
NAMES = ("conv2", "conv3")
WORKERS = 3
_SHARE = 0.2
"""The share of images that are done when one of the hosts is killed."""
_TIMEOUT_S = 1200.0
Condition = Callable[[tuple[HostSnapshot, ...], float], bool]
"""Of the machines, and of the share of images that are done."""


def main(target: Path) -> None:
    """Makes the demo, converts it on three machines, kills one, and writes the picture; leaves no other file."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "demo"
        report = make_demo(root)
        workspace = Workspace(root)
        settings = workspace.config_path.read_text(encoding="utf-8")
        listen = f'listen = "tls://127.0.0.1:{free_port()}"'
        workspace.config_path.write_text(settings.replace('listen = ""', listen, 1), encoding="utf-8")
        lengthen(report.export)
        add_export(workspace, report.export)
        start_engine(workspace, workers=WORKERS)
        try:
            with joined(root, Path(directory)) as hosts:
                picture = asyncio.run(screenshot(workspace, hosts[-1]))
        finally:
            end_engine(workspace)
    (target / HOSTS).write_text(picture, encoding="utf-8")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def joined(root: Path, directory: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Hosts that run meanwhile, each invited as a person would do it."""
    photostat = [sys.executable, "-m", "tui.cli"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name in NAMES:
            subprocess.run([*photostat, "-C", str(root), "host", "invite", name], cwd=directory, check=True)
            host = [*photostat, "host", f"{name}.pem", "--workers", str(WORKERS)]
            started.append(subprocess.Popen(host, cwd=directory))
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


async def screenshot(workspace: Workspace, last: subprocess.Popen[bytes]) -> str:
    """As SVG, when the last host has been killed in the middle of the run."""
    app = PhotostatApp(WorkspacePoller(workspace), LedgerThread(lambda: LedgerReader(workspace)))
    async with app.run_test(size=SIZE) as pilot:
        await wait_for(app, pilot, all_are_busy)
        last.kill()
        await wait_for(app, pilot, one_is_lost)
        await pilot.pause(0.5)  # what is said of it makes its line higher, and the panels smaller
        return without_random_names(app.export_screenshot(title="photostat"))


def all_are_busy(hosts: tuple[HostSnapshot, ...], share: float) -> bool:
    is_busy = len(hosts) > len(NAMES) and all(host.busy == host.workers for host in hosts)
    return is_busy and share >= _SHARE


def one_is_lost(hosts: tuple[HostSnapshot, ...], share: float) -> bool:
    there = [host for host in hosts if host.state is HostState.WORKING and host.busy == host.workers]
    return any(host.state is HostState.LOST for host in hosts) and len(there) == len(NAMES)


async def wait_for(app: PhotostatApp, pilot: Pilot[int], condition: Condition) -> None:
    """Raises TimeoutError when the demo does not get so far."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end:
        snapshot = app.view.snapshot
        rows = snapshot.totals.rows if snapshot is not None else 0
        if snapshot is not None and rows and condition(hosts_of(snapshot), snapshot.totals.done / rows):
            return
        await pilot.pause(0.1)
    raise TimeoutError("the demo did not get far enough for a screenshot")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
