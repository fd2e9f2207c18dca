"""How well the predicted memory agrees with what a worker takes, mode by mode: `python -m bench.peaks DIR`.

Makes the images it lacks in DIR, converts each in a fresh process, and prints predicted and measured peaks.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from bench.giants import Giant, write_giant
from engine.config import JpegSettings
from engine.jp2.jp2_file import read_header
from engine.jp2.survey import survey
from engine.memory.prediction import predict
from engine.messages import Converted, DecodeMode, Job, Plan

MIB = 2**20

GIANTS = {
    "rgb-17": Giant(4096, 4096),
    "rgb-17-tiles-1024": Giant(4096, 4096, tile=1024),
    "rgb-67": Giant(8192, 8192),
    "rgb-67-lrcp": Giant(8192, 8192, progression="LRCP"),
    "rgb-67-blocks-32": Giant(8192, 8192, code_block=32),
    "rgb-67-smooth": Giant(8192, 8192, grain=0.3),
    "rgb-67-16-bit": Giant(8192, 8192, bits=16),
    "rgb-67-wide": Giant(32768, 2048),
    "rgb-67-tall": Giant(2048, 32768),
    "grey-67": Giant(8192, 8192, components=1),
    "grey-67-16-bit": Giant(8192, 8192, components=1, bits=16),
    "rgb-67-tiles-1024": Giant(8192, 8192, tile=1024),
    "rgb-67-tiles-256": Giant(8192, 8192, tile=256),
    "rgb-67-tiles-2048": Giant(8192, 8192, tile=2048),
    "grey-67-tiles-1024": Giant(8192, 8192, components=1, tile=1024),
    "rgb-67-tiles-1024-16-bit": Giant(8192, 8192, bits=16, tile=1024),
    "rgb-201": Giant(16384, 12288),
    "rgb-201-tiles-1024": Giant(16384, 12288, tile=1024),
    "rgb-604": Giant(24576, 24576),
    "rgb-1074": Giant(32768, 32768),
}
STRIPS = (
    Plan(DecodeMode.STRIPS, strip_rows=1024),
    Plan(DecodeMode.STRIPS, strip_rows=256, pixels_on_disk=True),
)


@dataclass(frozen=True)
class Measured:
    name: str
    plan: Plan
    predicted_bytes: int
    peak_bytes: int
    cpu_s: float
    wall_s: float

    def __str__(self) -> str:
        plan = self.plan
        rows = f" {plan.strip_rows} rows" if plan.mode is DecodeMode.STRIPS else ""
        threads = f", {plan.threads} threads" if plan.threads > 1 else ""
        mode = f"{plan.mode}{rows}{', on disk' if plan.pixels_on_disk else ''}{threads}"
        ratio = self.predicted_bytes / self.peak_bytes
        return (
            f"| {self.name} | {mode} | {self.predicted_bytes / MIB:.0f} | {self.peak_bytes / MIB:.0f} "
            f"| {ratio:.2f} | {self.cpu_s:.1f} | {self.wall_s:.1f} |"
        )


def measure(path: Path, plan: Plan, scratch: Path, jpeg: JpegSettings | None = None) -> Measured:
    """Converts the image in a process of its own, as a worker would."""
    target = scratch / f"{path.stem}.jpg"
    job = Job(1, 1, "", str(path), "", str(target), jpeg or JpegSettings(), False, plan)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        converted: Converted = pool.apply(_convert, (job,))
    target.unlink()
    predicted = predict(survey(read_header(path), 1), plan, jpeg=job.jpeg)
    return Measured(path.stem, plan, predicted, converted.peak_rss_bytes, converted.cpu_s, converted.wall_s)


def _convert(job: Job) -> Converted:
    from engine.conversion.convert import convert_image

    return convert_image(job, lambda phase: None)


def plans_for(giant: Giant) -> list[Plan]:
    tiles = Plan(DecodeMode.TILES)
    if giant.tile:
        return [tiles, structs.replace(tiles, pixels_on_disk=True)]
    if giant.megapixels > 500:
        return [STRIPS[1]]
    return [Plan(DecodeMode.WHOLE), *STRIPS]


def main(arguments: list[str]) -> None:
    directory = Path(arguments[0])
    names = [name for name in GIANTS if any(wanted in name for wanted in arguments[1:] or [""])]
    directory.mkdir(parents=True, exist_ok=True)
    os.nice(10)
    print("| image | mode | predicted MiB | peak MiB | ratio | CPU s | s |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for name in names:
            path = directory / f"{name}.jp2"
            if not path.exists():
                write_giant(path, GIANTS[name])
            for plan in plans_for(GIANTS[name]):
                print(measure(path, plan, Path(scratch)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
