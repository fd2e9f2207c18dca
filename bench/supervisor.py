"""How much CPU time the supervisor takes an image, at tens of images a second in a ledger of 430,057 rows.

    python -m bench.supervisor [ROWS] [DIRECTORY]

Makes a ledger in the middle of its work (a third has failed, a quarter is accepted, the rest is pending), and runs the
real engine over tiny images, all of one source, so that the workers are as quick as they can be. A client asks for the
status once a second, as the app does. Counted is the CPU time of the supervisor's process alone.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil

from engine.control.client import EngineClient
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.ledger.import_rows import ExportRow
from engine.ledger.writer import Ledger
from engine.workspace import Workspace

ROWS = 430_057
LIMIT_MS = 5.0
"""Of CPU time an image."""
_WARM_UP_IMAGES = 200
_MEASURED_S = 60.0
_COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
_STATES = (
    "UPDATE images SET state = 'failed', stage = 'validating', cause = 'truncated', message = 'cut off' WHERE id <= ?",
    "UPDATE images SET state = 'accepted', reason = 'not wanted' WHERE id <= ?",
)


def rows(count: int, source: Path) -> Iterator[ExportRow]:
    for number in range(count):
        identity = f"00000000-0000-4000-8000-{number // 12:012x}"
        name = f"page_{number}"
        target = f"pages/{identity}/{name}.jpg"
        yield ExportRow(
            number + 1, "pages", identity, "B", "R", f"{name}.tif", "pages", str(source), "", target
        )


def make_workspace(directory: Path, count: int, *, in_the_middle: bool = True) -> Workspace:
    """Of so many images of one source; `in_the_middle` of its work, or all pending."""
    subprocess.run([*_COMMAND, "init", directory], check=True, capture_output=True)
    source = directory / "source" / "one.jp2"
    source.parent.mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    write_jp2(source, pixels, Encoding())
    workspace = Workspace(directory)
    with Ledger.open(workspace, "add") as ledger:
        ledger.import_rows(rows(count, source))
    if not in_the_middle:
        return workspace
    with closing(sqlite3.connect(workspace.ledger_path)) as db:
        db.execute(_STATES[0], (count * 7 // 12,))
        db.execute(_STATES[1], (count // 4,))
        db.commit()
    return workspace


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main(count: int, directory: Path) -> int:
    workers = os.cpu_count() or 1
    workspace = make_workspace(directory, count)
    run = [*_COMMAND, "-C", str(directory), "run", "--detach", "--workers", str(workers)]
    subprocess.run(run, check=True, capture_output=True)
    with EngineClient.connect(workspace) as client:
        supervisor = psutil.Process(client.pid)
        while client.snapshot().totals.done < _WARM_UP_IMAGES:
            time.sleep(1.0)
        before, cpu_before, started = client.snapshot().totals.done, cpu_s(supervisor), time.monotonic()
        while time.monotonic() < started + _MEASURED_S:
            time.sleep(1.0)
            done = client.snapshot().totals.done
        used_s, images = cpu_s(supervisor) - cpu_before, done - before
        took_s = time.monotonic() - started
    subprocess.run([*_COMMAND, "-C", str(directory), "stop"], check=True, capture_output=True)
    each_ms = 1000 * used_s / max(1, images)
    print(
        f"{count:,} rows, {images} images in {took_s:.0f} s with {workers} workers: {images / took_s:.1f} a second"
    )
    print(f"supervisor: {each_ms:.2f} ms of CPU time an image, {100 * used_s / took_s:.0f} % of a core")
    return 0 if each_ms < LIMIT_MS else 1


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    if len(sys.argv) > 2:
        sys.exit(main(wanted, Path(sys.argv[2])))
    scratch = Path(tempfile.mkdtemp(prefix="photostat-bench-"))
    try:
        sys.exit(main(wanted, scratch))
    finally:
        shutil.rmtree(scratch)
