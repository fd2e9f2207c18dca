"""The screenshot in the README: the real app on a real engine that converts the demo collection.

python -m tui.screenshot docs/screenshot.svg
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

from textual.pilot import Pilot

from engine.control.client import EngineClient, NoEngine
from engine.control.launch import start_engine
from engine.control.requests import Stop
from engine.demo import make_demo
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.app import PhotostatApp
from tui.commands.demo import add_export
from tui.connection.ledger_thread import LedgerThread
from tui.connection.poller import WorkspacePoller

SIZE = (100, 30)
WORKERS = 4
_SHARE = 0.45
"""The share of images that are done when the screenshot is taken: then every panel has something to show."""
_TIMEOUT_S = 300.0


def main(target: Path) -> None:
    """Makes the demo, converts it, and writes the screenshot as SVG; leaves no other file."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "demo"
        report = make_demo(root)
        workspace = Workspace(root)
        add_export(workspace, report.export)
        start_engine(workspace, workers=WORKERS)
        try:
            svg = asyncio.run(screenshot(workspace))
        finally:
            end_engine(workspace)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(svg, encoding="utf-8")


async def screenshot(workspace: Workspace) -> str:
    """The app as SVG, when enough is done and every worker is busy."""
    app = PhotostatApp(WorkspacePoller(workspace), LedgerThread(lambda: LedgerReader(workspace)))
    async with app.run_test(size=SIZE) as pilot:
        await wait_for_a_full_screen(app, pilot)
        return without_random_names(app.export_screenshot(title="photostat"))


async def wait_for_a_full_screen(app: PhotostatApp, pilot: Pilot[int]) -> None:
    """Raises TimeoutError when the demo does not get so far."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end:
        snapshot = app.view.snapshot
        if snapshot is not None and snapshot.totals.rows:
            totals = snapshot.totals
            busy = sum(1 for worker in snapshot.workers if worker.image_id is not None)
            if totals.done >= _SHARE * totals.rows and busy >= min(WORKERS, totals.pending):
                return
        await pilot.pause(0.1)
    raise TimeoutError("the demo did not get far enough for a screenshot")


def without_random_names(svg: str) -> str:
    """Without Rich's random names, so that the same screen gives the same bytes."""
    return re.sub(r"terminal-\d+", "terminal", svg)


def end_engine(workspace: Workspace) -> None:
    """Stops the engine if it still runs, and waits for its end."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            with EngineClient.connect(workspace) as client:
                client.ask(Stop())
        except NoEngine:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
