"""Whole conversions with a GPU beside those of the CPU workers of the same machine.

    python -m bench.gpu [IMAGES] [DIRECTORY]

Converts 12-megapixel images, untiled and in tiles of 1024, with `gpu = "off"` and with `gpu = "require"`. Wanted on a
card: 12 times the images a second untiled, 8 times tiled, the same bytes, and the GPU at work for 85 % of the time, or
the cores for 90 %; whether that was reached is printed, and 1 is the exit code if not. IMAGES are those of a run with
the GPU; the cores get fewer of them, because they take longer. All figures are of the time between the quarter of the
images and nine tenths of them: not of the first ones of a kind, which are compared, nor of the last, for which there
are too few for all workers. A run is stopped after two minutes, and its figures are of what it has done by then, so
that everything ends within ten minutes. Where no card is, nvImageCodec's CPU backend decodes small images: that shows
the bytes, and nothing of the speed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from bench.busy import attempts
from engine.control.client import NoEngine, running_engine
from engine.control.gpu_snapshot import GpuSnapshot
from engine.demo.canvas import samples
from engine.demo.jp2_encoder import Encoding, write_jp2
from engine.demo.photograph import photograph
from engine.gpu.cards import CPU_BACKEND, INSTALL, cards, is_installed, why_no_cards
from engine.workspace import Workspace

_COMMAND = (sys.executable, "-c", "from tui.cli import main; main()")
_LONGEST_S = 120.0
"""Of a run; there are four of them."""
_STOPS_WITHIN_S = 30.0
_ASKED_EVERY_S = 1.0
_PATTERNS = 4
"""Different pictures; the others are copies of them, which costs decoding the same."""
_WINDOW = 0.25, 0.9
_JPEG_BYTES_PER_PIXEL = 1.0
"""More than they have."""
GPU_BUSY, CORES_BUSY = 0.85, 0.9
KINDS = {"untiled": (None, 12.0), "tiled": ((1024, 1024), 8.0)}
"""Tiles, and how many times faster it is to be."""


@dataclass(frozen=True)
class Size:
    with_gpu: int
    with_cores: int
    sides: tuple[int, int]


_ON_A_CARD, _STAND_IN = Size(600, 120, (4000, 3000)), Size(8, 8, (1200, 900))


@dataclass(frozen=True)
class Busy:
    """At a moment: shares of the time since the last look."""

    at: float
    """Unix time, s."""
    gpus: float | None
    cores: float


@dataclass(frozen=True)
class Run:
    images_per_s: float
    gpu_share: float
    cores_share: float
    by_gpu: int
    """Decoded by the GPU alone."""
    digests: dict[str, str]
    """MD5 of each JPEG, by its name."""


def make_pictures(root: Path, sides: tuple[int, int]) -> dict[str, list[Path]]:
    """By kind."""
    root.mkdir(parents=True)
    numbers = range(_PATTERNS)
    with ProcessPoolExecutor(min(_PATTERNS, os.cpu_count() or 1), get_context("spawn")) as pool:
        made = list(pool.map(_make_picture, [root] * _PATTERNS, [sides] * _PATTERNS, numbers))
    return {kind: [paths[kind] for paths in made] for kind in KINDS}


def _make_picture(root: Path, sides: tuple[int, int], number: int) -> dict[str, Path]:
    picture = samples(photograph(np.random.default_rng(number), *sides, 9.0), 8)
    paths = {kind: root / f"{kind}-{number}.jp2" for kind in KINDS}
    for kind, path in paths.items():
        write_jp2(path, picture, Encoding(tile=KINDS[kind][0]))
    return paths


def convert(root: Path, originals: Sequence[Path], images: int, gpu: str) -> Run:
    """One run in a workspace of its own, of which nothing is left."""
    workspace = _prepared(root, originals, images, gpu)
    looks = _watched(workspace)
    ends = sorted(end for _, end in attempts(root / "ledger.sqlite"))
    if len(ends) < 2:
        raise RuntimeError(f"{root.name}: next to nothing was converted.\n{_events(root)}")
    first, last = (ends[int(share * (len(ends) - 1))] for share in _WINDOW)
    between = [look for look in looks if first <= look.at <= last] or looks
    log = "".join(path.read_text() for path in (root / "logs").glob("run-*.log"))
    jpegs = {path.name: path for path in (root / "out").rglob("*.jpg")}
    run = Run(
        (_WINDOW[1] - _WINDOW[0]) * len(ends) / max(1e-3, last - first),
        _mean([look.gpus for look in between if look.gpus is not None]),
        _mean([look.cores for look in between]),
        log.count("decoded by the GPU"),
        {name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in jpegs.items()},
    )
    shutil.rmtree(root)
    return run


def _prepared(root: Path, originals: Sequence[Path], images: int, gpu: str) -> Workspace:
    subprocess.run([*_COMMAND, "init", root], check=True, capture_output=True)
    settings = root / "photostat.toml"
    settings.write_text(settings.read_text().replace('gpu = "auto"', f'gpu = "{gpu}"'))
    sources = root / "sources"
    sources.mkdir()
    lines = []
    for number in range(images):
        source = sources / f"{number}.jp2"
        source.hardlink_to(originals[number % len(originals)])
        lines.append(f"{uuid.UUID(int=number // 10, version=4)},B,R,{number}.tif,maps,{source}\n")
    export = root / "export.csv"
    export.write_text("".join(lines))
    subprocess.run([*_COMMAND, "-C", root, "add", export, "--batch", "maps"], check=True, capture_output=True)
    return Workspace(root)


def _watched(workspace: Workspace) -> list[Busy]:
    """The run, to its end or to the longest that it may take."""
    command, looks = [*_COMMAND, "-C", str(workspace.root)], list[Busy]()
    with subprocess.Popen(
        [*command, "run", "--headless"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        until = time.monotonic() + _LONGEST_S
        psutil.cpu_percent()
        while run.poll() is None and time.monotonic() < until:
            time.sleep(_ASKED_EVERY_S)
            looks.append(Busy(time.time(), _gpus_busy(workspace), psutil.cpu_percent() / 100))
        if is_late := run.poll() is None:
            print(f"  {workspace.root.name}: stopped after {_LONGEST_S:.0f} s", file=sys.stderr)
        try:
            if is_late:
                subprocess.run([*command, "stop"], capture_output=True, check=False, timeout=_STOPS_WITHIN_S)
            said = run.communicate(timeout=_STOPS_WITHIN_S)[1]
        except subprocess.TimeoutExpired as error:
            run.kill()
            raise RuntimeError(
                f"{workspace.root.name} did not stop within {_STOPS_WITHIN_S:.0f} s"
            ) from error
        if run.returncode != 0 and not is_late:
            raise RuntimeError(
                f"{workspace.root.name} ended with {run.returncode}: {said}{_events(workspace.root)}"
            )
    return looks


def _gpus_busy(workspace: Workspace) -> float | None:
    """As the driver says; else, of the last minute, as the decoding processes do. None while none is ready."""
    try:
        client = running_engine(workspace)
        if client is None:
            return None
        with client:
            gpus: Sequence[GpuSnapshot] = client.snapshot().gpus or ()
    except NoEngine:
        return None
    shares = [gpu.busy if gpu.utilisation is None else gpu.utilisation for gpu in gpus]
    return _mean(shares) if shares else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _events(root: Path) -> str:
    told = subprocess.run(
        [*_COMMAND, "-C", root, "events"], capture_output=True, text=True, check=False
    ).stdout
    return "\n".join(told.splitlines()[-15:])


def same_bytes(cores: Run, gpu: Run) -> bool:
    """Of every image, also of those that the cores had not to convert: copies of the same pictures."""
    of_picture = {int(Path(name).stem) % _PATTERNS: digest for name, digest in cores.digests.items()}
    return bool(gpu.digests) and all(
        of_picture.get(int(Path(name).stem) % _PATTERNS) == digest for name, digest in gpu.digests.items()
    )


def verdict(kind: str, cores: Run, gpu: Run) -> list[str]:
    """What was wanted and is not so; empty if all is."""
    wanted = KINDS[kind][1]
    missed = []
    if gpu.images_per_s < wanted * cores.images_per_s:
        missed.append(f"not {wanted:.0f} times")
    if gpu.gpu_share < GPU_BUSY and gpu.cores_share < CORES_BUSY:
        missed.append(f"neither the GPU {GPU_BUSY:.0%} nor the cores {CORES_BUSY:.0%} busy")
    return missed


def main(images: int | None, work: Path, card: str | None) -> int:
    size = _STAND_IN if card is None else _ON_A_CARD
    with_gpu = images or size.with_gpu
    with_cores = min(with_gpu, size.with_cores)
    print(
        f"{card or 'CPU backend'}, {os.cpu_count()} cores, images of {size.sides[0] * size.sides[1] / 1e6:.1f} Mpx"
    )
    pictures = make_pictures(work / "pictures", size.sides)
    print(
        "| images | cores, images/s | with GPU, images/s | times | GPU busy | cores busy | by the GPU alone | bytes |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    code, missed = 0, []
    for kind, originals in pictures.items():
        by_gpu = convert(
            work / f"{kind}-gpu", originals, with_gpu, "require"
        )  # first: it may not work at all
        plain = convert(work / f"{kind}-cores", originals, with_cores, "off")
        is_equal = same_bytes(plain, by_gpu)
        code |= not is_equal
        times = by_gpu.images_per_s / plain.images_per_s
        print(
            f"| {len(by_gpu.digests)} {kind} | {plain.images_per_s:.2f} | {by_gpu.images_per_s:.2f} | {times:.1f} "
            f"| {by_gpu.gpu_share:.0%} | {by_gpu.cores_share:.0%} | {by_gpu.by_gpu} "
            f"| {'equal' if is_equal else 'DIFFERENT'} |",
            flush=True,
        )
        missed += [f"{kind}: {text}" for text in verdict(kind, plain, by_gpu)]
    if card is None:
        print("The speed of the CPU backend says nothing about a card's.")
        return code
    print("All that is wanted was reached." if not missed else f"Not reached: {'; '.join(missed)}.")
    return code | bool(missed)


def _found_card() -> str | None:
    """None where the CPU backend stands in. Ends the program where nothing can."""
    if not is_installed():
        sys.exit(f"bench.gpu: nvImageCodec is not installed: {INSTALL}")
    card = next(iter(cards()), None)
    if card is not None and card.device is not None:
        return card.name
    print(f"No card, {why_no_cards()}: nvImageCodec's CPU backend stands in.")
    os.environ[CPU_BACKEND] = "cpu"
    return None


def _scratch(card: str | None, images: int | None) -> str | None:
    """Where JPEGs are written as fast as they come: in memory, if there is room for those of a run."""
    size = _STAND_IN if card is None else _ON_A_CARD
    need = (images or size.with_gpu) * size.sides[0] * size.sides[1] * _JPEG_BYTES_PER_PIXEL
    memory = Path("/dev/shm")
    fits = memory.is_dir() and shutil.disk_usage(memory).free > 2 * need
    return str(memory) if fits and psutil.virtual_memory().available > 8 * need else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.gpu")
    parser.add_argument("images", type=int, nargs="?", help="of a run with the GPU")
    parser.add_argument("directory", type=Path, nargs="?", help="that is not there yet, and stays")
    asked = parser.parse_args()
    if asked.directory is not None and asked.directory.exists():
        parser.error(f"{asked.directory} is there already")
    found = _found_card()
    scratch = asked.directory or Path(
        tempfile.mkdtemp(prefix="photostat-bench-", dir=_scratch(found, asked.images))
    )
    try:
        sys.exit(main(asked.images, scratch, found))
    except RuntimeError as error:
        sys.exit(f"bench.gpu: {error}")
    finally:
        if asked.directory is None:
            shutil.rmtree(scratch)
