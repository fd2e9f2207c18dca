"""Whole conversions with a GPU beside those of the CPU workers of the same machine.

    python -m bench.gpu [IMAGES] [DIRECTORY]

Makes 12-megapixel images, untiled and in tiles of 1024, and converts each collection with `gpu = "off"` and with
`gpu = "require"`. Wanted on a card: 12 times the images a second untiled, 8 times tiled, the same bytes, and the GPU
at work for 85 % of the time, or the cores for 90 %. The GPU's share is asked of the engine during the run: the largest
of a minute; the cores' share is the CPU time of all the machine's programs, with the asking. Where no card is,
nvImageCodec's CPU backend decodes images of 1 megapixel: that shows the bytes, and nothing of the speed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from bench.busy import attempts
from engine.demo.canvas import samples
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.demo.photograph import photograph
from engine.gpu.cards import CPU_BACKEND, cards

_COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
_LONGEST_S = 180
"""Of a run: four of them and the making of the files take less than 15 minutes."""
_ASKED_EVERY_S = 1.0
_PATTERNS = 4
_ON_A_CARD, _STAND_IN = (200, (4000, 3000)), (8, (1200, 900))
"""Images of each collection, and their sides."""


@dataclass(frozen=True)
class Run:
    images_per_s: float
    gpu_share: float
    """The largest that was seen: at the beginning and the end it falls."""
    cores_share: float
    by_gpu: int
    digests: dict[str, str]


def make_collection(root: Path, images: int, sides: tuple[int, int], *, tiled: bool) -> Path:
    """A workspace's sources and export; copies of a few pictures, which costs decoding the same."""
    encoding = Encoding(tile=(1024, 1024) if tiled else None)
    originals = []
    for index in range(min(_PATTERNS, images)):
        path = root / f"original-{index}.jp2"
        picture = photograph(np.random.default_rng(index), *sides, 9.0)
        write_jp2(path, samples(picture, 8), encoding)
        originals.append(path)
    lines = []
    for number in range(images):
        source = root / f"{number}.jp2"
        source.hardlink_to(originals[number % len(originals)])
        lines.append(f"{uuid.UUID(int=number // 10, version=4)},B,R,{number}.tif,maps,{source}\n")
    export = root / "export.csv"
    export.write_text("".join(lines))
    return export


def convert(root: Path, export: Path, gpu: str) -> Run:
    """One run in a workspace of its own."""

    def photostat(*arguments: str) -> None:
        command = [*_COMMAND, "-C", str(root), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_S)

    subprocess.run([*_COMMAND, "init", root], check=True, capture_output=True)
    settings = root / "photostat.toml"
    settings.write_text(settings.read_text().replace('gpu = "auto"', f'gpu = "{gpu}"'))
    photostat("add", str(export), "--batch", "maps")
    gpu_share, cores_share = _run_watched(root)
    spans = attempts(root / "ledger.sqlite")
    passed_s = max(end for _, end in spans) - min(start for start, _ in spans)
    log = "".join(path.read_text() for path in (root / "logs").glob("run-*.log"))
    jpegs = sorted((root / "out").rglob("*.jpg"))
    digests = {str(path.relative_to(root)): hashlib.md5(path.read_bytes()).hexdigest() for path in jpegs}
    return Run(len(jpegs) / passed_s, gpu_share, cores_share, log.count("decoded by the GPU"), digests)


def _run_watched(root: Path) -> tuple[float, float]:
    """The run, and the shares in which GPU and cores were busy."""
    command = [*_COMMAND, "-C", str(root)]
    psutil.cpu_percent()
    with subprocess.Popen(
        [*command, "run", "--headless"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        gpu_share, until = 0.0, time.monotonic() + _LONGEST_S
        while run.poll() is None and time.monotonic() < until:
            time.sleep(_ASKED_EVERY_S)
            told = subprocess.run([*command, "status", "--json"], capture_output=True, check=False).stdout
            gpus = json.loads(told or "{}").get("gpus", [])
            gpu_share = max([gpu_share, *(gpu["busy"] for gpu in gpus)])
        cores_share = psutil.cpu_percent() / 100
        if run.poll() is None:
            run.terminate()
        if run.wait() != 0:
            raise RuntimeError(
                f"the run in {root} ended with {run.returncode}: `photostat events` there says why"
            )
    return gpu_share, cores_share


def main(images: int | None, work: Path) -> int:
    card = next(iter(cards()), None)
    if card is None or card.device is None:
        os.environ[CPU_BACKEND] = "cpu"
        print(
            "No card is here: nvImageCodec's CPU backend stands in, which shows the bytes and nothing of the speed."
        )
        count, sides = _STAND_IN
    else:
        count, sides = _ON_A_CARD
    print(
        "| images | cores, images/s | with GPU, images/s | times | GPU busy | cores busy | decoded by the GPU alone "
        "| bytes |"
    )
    print("|---|---|---|---|---|---|---|---|")
    all_equal = True
    for name in ("untiled", "tiled"):
        folder = work / name
        folder.mkdir(parents=True)
        export = make_collection(folder, images or count, sides, tiled=name == "tiled")
        plain = convert(folder / "cores", export, "off")
        by_gpu = convert(folder / "gpu", export, "require")
        is_equal = plain.digests == by_gpu.digests
        all_equal &= is_equal
        print(
            f"| {len(plain.digests)} of {sides[0] * sides[1] / 1e6:.1f} Mpx, {name} | {plain.images_per_s:.2f} "
            f"| {by_gpu.images_per_s:.2f} | {by_gpu.images_per_s / plain.images_per_s:.1f} "
            f"| {by_gpu.gpu_share:.0%} | {by_gpu.cores_share:.0%} | {by_gpu.by_gpu} "
            f"| {'equal' if is_equal else 'DIFFERENT'} |"
        )
    return 0 if all_equal else 1


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if len(sys.argv) > 2:
        sys.exit(main(wanted, Path(sys.argv[2])))
    scratch = Path(tempfile.mkdtemp(prefix="photostat-bench-"))
    try:
        sys.exit(main(wanted, scratch))
    finally:
        shutil.rmtree(scratch)
