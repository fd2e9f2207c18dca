"""How busy a run keeps the cores until its last images, with as many workers as cores.

    python -m bench.busy [IMAGES] [DIRECTORY]

Makes a collection of images from 2 to 12 megapixels, converts it with the real engine, and samples the CPU time
of the engine and all its processes. Counted is the time from the first image's start to the last image's: while
there is work for every core. Two figures: the CPU time used of what the cores had to give, which other work on
the machine lowers, and the share of that time in which every worker had an image, which it does not.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from engine.demo.canvas import grey, samples
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.demo.photograph import photograph

IMAGES = 60
LIMIT = 0.95
"""Of the cores' time."""
_COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
_SAMPLE_S = 0.1
_SIDES = ((1800, 1200), (2400, 1600), (3000, 2000), (3600, 2400), (4200, 2860))
_PATTERNS = 2
"""Different pictures of each size; the others are copies, which costs decoding the same."""


@dataclass(frozen=True)
class Sample:
    at: float
    """Unix time, s."""
    cpu_s: float
    """Of the engine and its processes so far."""


def make_collection(workspace: Path, images: int) -> Path:
    """Sources and export; gives the export."""
    originals = []
    for index in range(len(_SIDES) * _PATTERNS):
        width, height = _SIDES[index % len(_SIDES)]
        path = workspace / "originals" / f"{index}.jp2"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = photograph(np.random.default_rng(index), width, height, 9.0)
        pixels = samples(picture if index < len(_SIDES) else grey(picture), 8)
        write_jp2(path, pixels, Encoding(tile=(1024, 1024) if index % 2 else None))
        originals.append(path)
    export = workspace / "export.csv"
    with export.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for number in range(images):
            identity = str(uuid.UUID(int=number // 10, version=4))
            source = workspace / "source" / identity / f"{number}.jp2"
            source.parent.mkdir(parents=True, exist_ok=True)
            source.hardlink_to(originals[number % len(originals)])
            writer.writerow([identity, "B", "R", f"{number}.tif", "photographs", source])
    return export


def watch(workspace: Path, workers: int) -> list[Sample]:
    """Runs the engine to its end; samples of its CPU time."""
    subprocess.run(
        [*_COMMAND, "-C", workspace, "run", "--detach", "--workers", str(workers)],
        check=True,
        capture_output=True,
    )
    status = subprocess.run(
        [*_COMMAND, "-C", workspace, "status", "--json"], check=False, capture_output=True, text=True
    )
    engine = psutil.Process(_pid(status.stdout))
    seen: dict[int, float] = {}
    taken: list[Sample] = []
    while engine.is_running():
        try:
            family = [engine, *engine.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        for process in family:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            seen[process.pid] = times.user + times.system
        taken.append(Sample(time.time(), sum(seen.values())))
        time.sleep(_SAMPLE_S)
    return taken


def _pid(status: str) -> int:
    return int(json.loads(status)["engine"]["pid"])


def main(images: int, workspace: Path) -> int:
    workers = os.cpu_count() or 1
    subprocess.run([*_COMMAND, "init", workspace], check=True, capture_output=True)
    export = make_collection(workspace, images)
    command = [*_COMMAND, "-C", str(workspace), "add", str(export), "--batch", "photographs"]
    subprocess.run(command, check=True, capture_output=True)
    taken = watch(workspace, workers)
    spans = attempts(workspace / "ledger.sqlite")
    first, last = min(start for start, _ in spans), max(start for start, _ in spans)
    used = cpu_at(taken, last) - cpu_at(taken, first)
    busy = used / ((last - first) * workers)
    occupied = sum(max(0.0, min(end, last) - start) for start, end in spans) / ((last - first) * workers)
    idle = 1 - psutil.cpu_times_percent(interval=1.0).idle / 100
    print(
        f"{images} images, {workers} workers on {workers} cores, {last - first:.1f} s from first to last start"
    )
    print(
        f"CPU time used: {100 * busy:.1f} % of the cores' (the machine is {100 * idle:.0f} % busy with other things)"
    )
    print(f"workers with an image in hand: {100 * occupied:.1f} % of the time")
    return 0 if max(busy, occupied) >= LIMIT else 1


def attempts(ledger: Path) -> list[tuple[float, float]]:
    """Start and end of every attempt, Unix time, s."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return [
            (a, b)
            for a, b in connection.execute("SELECT started, ended FROM attempts WHERE ended IS NOT NULL")
        ]
    finally:
        connection.close()


def cpu_at(taken: list[Sample], moment: float) -> float:
    """The CPU time at a moment, between the samples around it."""
    return float(np.interp(moment, [sample.at for sample in taken], [sample.cpu_s for sample in taken]))


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    if len(sys.argv) > 2:
        sys.exit(main(wanted, Path(sys.argv[2])))
    scratch = Path(tempfile.mkdtemp(prefix="photostat-bench-"))
    try:
        sys.exit(main(wanted, scratch))
    finally:
        shutil.rmtree(scratch)
