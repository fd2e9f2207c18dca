"""What it costs to compare tiles and strips with the file decoded whole at a reduced resolution.

    python -m bench.witness [REPEATS] [DIRECTORY]

CPU seconds of converting an image with and without the comparison, in turns in fresh processes that have converted it
once before: the filters for a kind of image are made once in a process that converts thousands. The ratio is of the
least of each. Lossless images as in bench.conversion, and lossy ones, which decode in a quarter of the time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from bench.conversion import WORK, Cost, Subject, in_fresh_process, make_subject
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.messages import DecodeMode, Plan

LIMIT = 0.04
"""Of the conversion."""

TILES = Plan(DecodeMode.TILES)
STRIPS = Plan(DecodeMode.STRIPS, strip_rows=1024)


@dataclass(frozen=True)
class Case:
    name: str
    subject: Subject
    plan: Plan
    lossy: bool = False


CASES = (
    Case("12 Mpx, tiles", Subject("", 4000, 3000, 1024), TILES),
    Case("12 Mpx, strips", Subject("", 4000, 3000, None), STRIPS),
    Case("39 Mpx, tiles", Subject("", 7216, 5412, 1024), TILES),
    Case("39 Mpx, strips", Subject("", 7216, 5412, None), STRIPS),
    Case("12 Mpx, tiles, lossy 20:1", Subject("", 4000, 3000, 1024), TILES, lossy=True),
    Case("12 Mpx, strips, lossy 20:1", Subject("", 4000, 3000, None), STRIPS, lossy=True),
)


def make_case(directory: Path, case: Case) -> Path:
    path = make_subject(directory, case.subject)
    if not case.lossy:
        return path
    lossy = path.with_name(f"lossy-{path.name}")
    if not lossy.exists():
        from engine.demo.canvas import samples
        from engine.demo.newspaper import newspaper

        width, height = case.subject.width, case.subject.height
        pixels = samples(newspaper(np.random.default_rng(7), width, height, 9.0), 8)
        unfinished = lossy.with_suffix(".part")
        tile = (case.subject.tile, case.subject.tile) if case.subject.tile else None
        write_jp2(unfinished, pixels, Encoding(tile=tile, reversible=False, ratios=(20.0,)))
        unfinished.replace(lossy)
    return lossy


def with_comparison(path: Path) -> Cost:
    return _convert(path)


def without_comparison(path: Path) -> Cost:
    from engine.jp2.decoding import witness

    with patch.object(witness, "witness_levels", return_value=0):
        return _convert(path)


def _convert(path: Path) -> Cost:
    from engine.config import JpegSettings
    from engine.conversion.convert import convert_image
    from engine.jp2.jp2_file import read_header
    from engine.messages import Job

    with tempfile.TemporaryDirectory() as scratch:
        plan = TILES if read_header(str(path)).is_tiled else STRIPS
        job = Job(1, 1, "", str(path), "", f"{scratch}/1.jpg", JpegSettings(), False, plan)
        started = time.process_time()
        convert_image(job, lambda stage: None)
        return Cost(time.process_time() - started)


def measure(case: Case, directory: Path, repeats: int) -> float:
    """Prints the figures; gives the share of the conversion."""
    path = make_case(directory, case)
    costs: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repeats):
        for compared, work in ((False, without_comparison), (True, with_comparison)):
            costs[compared].append(in_fresh_process(work, path, path).total_s)
    least = {compared: min(found) for compared, found in costs.items()}
    share = 1 - least[False] / least[True]
    print(
        f"{case.name:<28} with {least[True]:6.2f} s   without {least[False]:6.2f} s   {100 * share:5.1f} %",
        flush=True,
    )
    return share


def main(repeats: int, directory: Path) -> int:
    # As for workers: numpy would use every core, and its threads' waiting counts as CPU time.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(f"CPU seconds, least of {repeats}")
    shares = {case: measure(case, directory, repeats) for case in CASES}
    worst = max(shares.values())
    print(
        f"the comparison takes {100 * worst:.1f} % of a conversion at most; {100 * LIMIT:.0f} % are allowed"
    )
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    sys.exit(main(wanted, Path(sys.argv[2]) if len(sys.argv) > 2 else WORK))
