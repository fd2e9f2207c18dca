"""What an image costs with one process and with as many processes as cores: the whole conversion, and the codecs alone.

    python -m bench.cores [ROUNDS] [PROCESSES] [DIRECTORY]

12 megapixels, lossless, untiled and in tiles. Every process works as a worker does, in a worker's environment, on its
own copy of the file, all at the same time; the bare ones as in `bench.conversion`. CPU seconds an image, least of the
rounds, in turns; beside them the page faults, and the whole conversion in the environment of a shell.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.conversion import WORK, Subject, bare, convert, make_subject
from engine.processes.child import settings_of_children

ROUNDS = 3
SUBJECTS = (Subject("12 Mpx untiled", 4000, 3000, None), Subject("12 Mpx, tiles of 1024", 4000, 3000, 1024))


@dataclass(frozen=True)
class Cost:
    """Of an image."""

    cpu_s: float
    faults: float


def _bare(path: Path) -> Cost:
    began = _used()
    cost = bare(path)  # only what it spends in the codecs counts
    return Cost(cost.total_s, _used().faults - began.faults)


def _whole(path: Path) -> Cost:
    began = _used()
    convert(path)
    ended = _used()
    return Cost(ended.cpu_s - began.cpu_s, ended.faults - began.faults)


def _used() -> Cost:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Cost(time.process_time(), used.ru_minflt)


def together(
    work: Callable[[Path], Cost], paths: list[Path], warm: Path, environment: Mapping[str, str]
) -> Cost:
    """The mean of as many processes as paths, which begin at once after the same work on a small image."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(len(paths))
        with ProcessPoolExecutor(len(paths), context, initializer=_begin, initargs=(start,)) as pool:
            costs = list(pool.map(_one, [(work, path, warm) for path in paths]))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Cost(sum(c.cpu_s for c in costs) / len(costs), sum(c.faults for c in costs) / len(costs))


def _begin(start: object) -> None:
    global _start
    _start = start


_start: object = None


def _one(task: tuple[Callable[[Path], Cost], Path, Path]) -> Cost:
    work, path, warm = task
    work(warm)
    _start.wait()  # type: ignore[attr-defined]
    return work(path)


def measure(subject: Subject, processes: int, rounds: int, directory: Path) -> None:
    """Prints the figures."""
    original, warm = make_subject(WORK, subject), make_subject(WORK, Subject("", 256, 192, None))
    paths = [directory / f"{number}{'-1024' if subject.tile else ''}.jp2" for number in range(processes)]
    for path in paths:
        shutil.copyfile(original, path)
    as_worker = settings_of_children({})
    ways = {
        "codecs alone": (_bare, as_worker),
        "whole": (_whole, as_worker),
        "whole, as a shell's": (_whole, {"GLIBC_TUNABLES": "", "OPENBLAS_NUM_THREADS": ""}),
    }
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, environment) in ways.items():
            found[name].append(together(work, paths, warm, environment))
    least = {name: min(costs, key=lambda cost: cost.cpu_s) for name, costs in found.items()}
    print(
        f"{subject.name:<24}{processes:>3} at once   "
        + "   ".join(
            f"{name} {cost.cpu_s:5.2f} s, {cost.faults:7,.0f} faults" for name, cost in least.items()
        )
        + f"   ratio {least['whole'].cpu_s / least['codecs alone'].cpu_s:.3f}",
        flush=True,
    )


def main(rounds: int, most: int, directory: Path | None) -> int:
    with tempfile.TemporaryDirectory(dir=directory) as copies:
        for subject in SUBJECTS:
            for processes in sorted({1, most}):
                measure(subject, processes, rounds, Path(copies))
    return 0


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS,
            int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1,
            Path(sys.argv[3]) if len(sys.argv) > 3 else None,
        )
    )
