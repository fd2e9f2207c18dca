"""How long and how much memory `photostat add` takes for an export the size of the collection's (430,057 rows).

    python -m bench.manifest [ROWS] [DIRECTORY]

Makes the export, adds it twice to a new workspace, and prints wall time, CPU time and peak memory of each.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

ROWS = 430_057
_TYPES = ("newspapers", "manuscripts", "photographs", "maps & plans")
_COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def write_export(path: Path, rows: int, seed: int = 1) -> None:
    """An export like the real one: long paths, representations of 1 to 400 images, four material types."""
    chance = random.Random(seed)
    left, number = rows, 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["UUID", "Barcode", "Record", "File name", "Material type", "Path"])
        while left:
            number += 1
            pages = min(left, chance.randint(1, 400))
            left -= pages
            identity = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            kind = _TYPES[number * len(_TYPES) // (rows // 200 + 2) % len(_TYPES)]
            for page in range(1, pages + 1):
                name = f"BIB_{number:06}_{kind[:4]}_{page:04}"
                source = f"/mnt/collection/{identity[:2]}/{identity}/access/{name}.jp2"
                writer.writerow([identity, f"17{number:012}", f"99{number:014}", f"{name}.tif", kind, source])


def measure(*arguments: str | Path) -> Cost:
    """Runs a command of photostat's to its end; raises CalledProcessError where it fails."""
    started = time.perf_counter()
    command = [*_COMMAND, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    if code := os.waitstatus_to_exitcode(status):
        raise subprocess.CalledProcessError(code, command)
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def main(rows: int, directory: Path) -> None:
    export, workspace = directory / "export.csv", directory / "workspace"
    write_export(export, rows)
    measure("init", workspace)
    print(f"{rows:,} rows, {export.stat().st_size / 1e6:.0f} MB of CSV")
    for what in ("new", "again"):
        cost = measure("-C", workspace, "add", export, "--split-by", "type")
        print(
            f"{what:>6}: {cost.wall_s:5.1f} s wall, {cost.cpu_s:5.1f} s CPU, "
            f"{cost.peak_rss_bytes / 2**20:4.0f} MiB at most"
        )
    print(f"ledger: {(workspace / 'ledger.sqlite').stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        scratch = Path(tempfile.mkdtemp(prefix="photostat-bench-"))
        try:
            main(wanted, scratch)
        finally:
            shutil.rmtree(scratch)
