"""What photostat costs besides its images: wall and CPU time of its commands, and of runs of no and of one tiny image.

    python -m bench.start [ROUNDS] [TREE …]

`--help`, `status`, `init`, `add` and `run --foreground` in processes of their own, into a directory and into an S3
store (a SeaweedFS, whose CPU time counts for nobody). The image has 0.1 megapixels: what it takes is the start, the
store's try-out and the end. Given directories with other states of this repository, it takes turns among them. Printed
are medians; CPU time is the steadier figure on a machine that does other things too.
"""

from __future__ import annotations

import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.conversion import WORK, Subject, make_subject
from bench.peers import Cost, Target, children_cpu_s, store

ROUNDS = 5
_HERE = Path(__file__).parent.parent
_COMMAND = "from tui.cli import main; main()"


@dataclass(frozen=True)
class Step:
    name: str
    arguments: Callable[[Path], tuple[str | Path, ...]]


STEPS = (
    Step("--help", lambda _: ("--help",)),
    Step("init", lambda work: ("init", work)),
    Step("add", lambda work: ("-C", work, "add", work / "export.csv")),
    Step("status", lambda work: ("-C", work, "status")),
    Step("run", lambda work: ("-C", work, "run", "--foreground", "--workers", str(os.cpu_count() or 1))),
)


def measure(tree: Path, target: Target, work: Path, images: int, url: str, source: Path) -> dict[str, Cost]:
    """What each step costs, in the order in which a person takes them."""
    environment = target.environment | {"PYTHONPATH": str(tree)}
    costs = {}
    for step in STEPS:
        if step.name == "add" and not images:
            continue
        command = [sys.executable, "-P", "-c", _COMMAND, *map(str, step.arguments(work))]
        began, before = time.monotonic(), children_cpu_s()
        done = subprocess.run(
            command,
            env=environment,
            cwd=tree,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        costs[step.name] = Cost(time.monotonic() - began, children_cpu_s() - before)
        if done.returncode:
            raise RuntimeError(f"{step.name} ended with {done.returncode}: {done.stderr[-2000:]}")
        if step.name == "init":
            _prepare(work, target, images, url, source)
    return costs


def _prepare(work: Path, target: Target, images: int, url: str, source: Path) -> None:
    (work / "photostat.toml").write_text(
        f'[store]\nurl = "{url}"\nendpoint = "{target.endpoint if url.startswith("s3:") else ""}"\n'
        '[engine]\nmemory_floor = "5%"\n',
        encoding="utf-8",
    )
    with (work / "export.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for number in range(images):
            writer.writerow([uuid.UUID(int=number, version=4), "B", "R", "page.tif", "pages", source])


def main(rounds: int, trees: list[Path]) -> int:
    source = make_subject(WORK, Subject("", 320, 320, None))
    ways = [("a directory, no image", 0, "file:out"), ("a directory, one image", 1, "file:out")]
    ways += [("S3, no image", 0, "s3"), ("S3, one image", 1, "s3")]
    found: dict[tuple[str, Path, str], list[Cost]] = {}
    with tempfile.TemporaryDirectory() as made, store(Path(made) / "store") as target:
        for number in range(rounds):
            for way, images, kind in ways:
                for tree in trees[number % len(trees) :] + trees[: number % len(trees)]:
                    url = kind if kind != "s3" else f"s3://{target.bucket}/{uuid.uuid4().hex}"
                    work = Path(made) / "work"
                    for step, cost in measure(tree, target, work, images, url, source).items():
                        found.setdefault((way, tree, step), []).append(cost)
                    shutil.rmtree(work)
    print(f"{os.cpu_count()} cores; median of {rounds} rounds, in turns")
    for tree in trees:
        _print(tree, found)
    return 0


def _print(tree: Path, found: dict[tuple[str, Path, str], list[Cost]]) -> None:
    print(f"\n{tree.resolve().name}\n{'':<26}{'wall':>9}{'CPU':>9}")
    quick = [step.name for step in STEPS[:-1]]
    for name in quick:
        _print_line(
            name,
            [cost for (_, of, step), them in found.items() if (of, step) == (tree, name) for cost in them],
        )
    for (way, of, step), costs in found.items():
        if of == tree and step == STEPS[-1].name:
            _print_line(f"run, {way}", costs)


def _print_line(name: str, costs: list[Cost]) -> None:
    wall = statistics.median(cost.wall_s for cost in costs)
    cpu = statistics.median(cost.cpu_s for cost in costs)
    print(f"{name:<26}{wall:>7.2f} s{cpu:>7.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS,
            [Path(tree) for tree in sys.argv[2:]] or [_HERE],
        )
    )
