"""The pictures in the README: the real app on a real engine that converts the demo collection.

python -m tui.screenshot docs
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

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
from tui.screens.failed_list import FailedList
from tui.theme import TERMINAL

SIZE = (100, 30)
WORKERS = 4
_TIMES = 12
"""How often the export lists the demo's images, under other UUIDs: a run of minutes has a curve to show."""
_SHARE = 0.6
"""The share of images that are done when the screenshot is taken: then every panel has something to show."""
_TIMEOUT_S = 1200.0


LIGHT = "solarized-light"
DASHBOARD, FAILURES, LIGHT_DASHBOARD = "screenshot.svg", "screenshot-failures.svg", "screenshot-light.svg"


def main(target: Path) -> None:
    """Makes the demo, converts it, and writes the pictures as SVG into a directory; leaves no other file."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "demo"
        report = make_demo(root)
        workspace = Workspace(root)
        lengthen(report.export)
        add_export(workspace, report.export)
        start_engine(workspace, workers=WORKERS)
        try:
            pictures = asyncio.run(screenshots(workspace))
        finally:
            end_engine(workspace)
    target.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures.items():
        (target / name).write_text(svg, encoding="utf-8")


def lengthen(export: Path) -> None:
    """Lists every image several times, each time as another representation."""
    head, *rows = export.read_text(encoding="utf-8").splitlines()
    listed = [
        ",".join((str(uuid5(NAMESPACE_URL, f"{number} {uuid}")) if number else uuid, *rest))
        for number in range(_TIMES)
        for uuid, *rest in (row.split(",") for row in rows)
    ]
    export.write_text("\n".join((head, *listed)) + "\n", encoding="utf-8")


async def screenshots(workspace: Workspace) -> dict[str, str]:
    """By file name, as SVG, from when enough is done and every worker is busy."""
    app = PhotostatApp(WorkspacePoller(workspace), LedgerThread(lambda: LedgerReader(workspace)))

    def picture() -> str:
        return without_random_names(app.export_screenshot(title="photostat"))

    async with app.run_test(size=SIZE) as pilot:
        await wait_for_a_full_screen(app, pilot)
        pictures = {DASHBOARD: picture()}
        app.use_theme(LIGHT)
        await pilot.pause()
        pictures[LIGHT_DASHBOARD] = picture()
        app.use_theme(TERMINAL.name)
        await pilot.press("f")
        await wait_for_failures(app, pilot)
        await pilot.pause()
        return pictures | {FAILURES: picture()}


async def wait_for_failures(app: PhotostatApp, pilot: Pilot[int]) -> None:
    """Raises TimeoutError when no failure is listed."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end:
        screen = app.screen
        if isinstance(screen, FailedList) and screen.paged_list.current is not None:
            return
        await pilot.pause(0.1)
    raise TimeoutError("the demo has no failures for a screenshot")


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
