"""Forty images of 4 to 300 megapixels on 4 GiB; a 604- and a 1,074-megapixel one on 3 GiB: is any too large?

    python -m bench.memory DIRECTORY [forty|giants|parallel ...]

Where control groups can be made (as root on Linux) the engine runs in one of that size, which also counts what
the kernel killed; elsewhere `memory_limit` says the same. `parallel` puts the same forty files through GNU
parallel with --memfree in a group of the same size, one plain conversion a process. Making the files takes
about a minute and 7 GB in DIRECTORY; they are kept. On two cores `forty` takes about eight minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.giants import Giant, write_giant
from engine.control.client import EngineClient, NoEngine
from engine.formatting import memory_size
from engine.ledger.reader import LedgerReader
from engine.memory import cgroup
from engine.memory.available import MemoryReader, parse_floor
from engine.workspace import Workspace

GIB = 2**30
PHOTOSTAT = (sys.executable, "-c", "from tui.cli import main; main()")
SAMPLE_S = 0.5
IMAGES = 40
SMALLEST_MP, LARGEST_MP = 4.0, 300.0


@dataclass
class Watched:
    """What was seen of a run."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    others_cpu_s: float = 0.0
    """Of every other program on the machine meanwhile."""
    least_available: int = 1 << 62
    below_floor_samples: int = 0
    samples: int = 0
    holds: set[str] = field(default_factory=set)
    kills: int = 0


def forty() -> dict[str, Giant]:
    """Sizes in even steps of ratio; half of them tiled; RGB, and every fifth grey or of 16 bits."""
    giants = {}
    for n in range(IMAGES):
        megapixels = SMALLEST_MP * (LARGEST_MP / SMALLEST_MP) ** (n / (IMAGES - 1))
        tile = 1024 if n % 2 else None
        unit = tile or 512
        height = max(1, round((megapixels * 0.8) ** 0.5 * 1000 / unit)) * unit
        width = max(1, round(megapixels * 1e6 / height / unit)) * unit
        kind = {2: (1, 8), 7: (3, 16)}.get(n % 10, (3, 8))
        giant = Giant(width, height, components=kind[0], bits=kind[1], tile=tile)
        giants[f"{n:02d}-{giant.megapixels:.0f}mp"] = giant
    return giants


GIANTS = {"604mp": Giant(24576, 24576), "1074mp": Giant(32768, 32768)}


def make(directory: Path, giants: dict[str, Giant]) -> list[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    for name, giant in giants.items():
        path = directory / f"{name}.jp2"
        if not path.exists():
            write_giant(path.with_suffix(".part"), giant)
            path.with_suffix(".part").rename(path)
    return [directory / f"{name}.jp2" for name in giants]


@contextlib.contextmanager
def memory_group(limit_bytes: int) -> Iterator[cgroup.Group | None]:
    """A control group with this limit; None where none can be made."""
    top = next(iter(reversed(cgroup.memory_groups())), None)
    path = top.path / f"photostat-bench-{os.getpid()}" if top else Path()
    try:
        if top is None:
            raise OSError("no memory controller")
        path.mkdir()
        name = "memory.max" if top.version == 2 else "memory.limit_in_bytes"
        (path / name).write_text(str(limit_bytes))
    except OSError:
        yield None
        return
    try:
        yield cgroup.Group(path, top.version)
    finally:
        deadline = time.monotonic() + 30
        while (path / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(SAMPLE_S)
        path.rmdir()


def inside(group: cgroup.Group | None, command: list[str]) -> list[str]:
    """The command, run in the group."""
    if group is None:
        return command
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.path / "cgroup.procs"), *command]


def convert(directory: Path, sources: list[Path], budget: int) -> None:
    """A run of the engine over these files, watched, and what came of it."""
    with tempfile.TemporaryDirectory(dir=directory) as root, memory_group(budget) as group:
        workspace = Workspace.init(Path(root) / "workspace")
        export = Path(root) / "export.csv"
        export.write_text("uuid,barcode,record,name,type,source\n" + "".join(map(row, sources)))
        if group is None:
            limit_memory(workspace, budget)
        photostat = [*PHOTOSTAT, "-C", str(workspace.root)]
        subprocess.run(
            [*photostat, "add", str(export), "--batch", "maps"], check=True, stdout=subprocess.DEVNULL
        )
        command = inside(group, [*photostat, "run", "--headless"])
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
            seen = watch(run, workspace)
        if group is not None:
            seen.kills = cgroup.oom_kills(group) or 0
        tell(workspace, seen, budget, group)


def row(source: Path) -> str:
    name = source.stem
    return f"{uuid.uuid5(uuid.NAMESPACE_OID, name)},barcode,{name},{name}.tif,maps,{source}\n"


def limit_memory(workspace: Workspace, budget: int) -> None:
    text = workspace.config_path.read_text()
    changed = text.replace('memory_limit = "none"', f'memory_limit = "{budget}"')
    assert changed != text
    workspace.config_path.write_text(changed)


def watch(run: subprocess.Popen[bytes], workspace: Workspace) -> Watched:
    """Samples the engine's own picture of memory, and the CPU time of its processes, until it ends."""
    seen, started, busy_before = Watched(), time.monotonic(), machine_busy_s()
    cpu: dict[int, float] = {}
    while run.poll() is None:
        with contextlib.suppress(NoEngine, OSError), EngineClient.connect(workspace, 1.0) as client:
            snapshot = client.snapshot()
            memory = snapshot.memory
            seen.samples += 1
            seen.least_available = min(seen.least_available, memory.available)
            seen.below_floor_samples += memory.available < memory.floor
            if snapshot.hold:
                seen.holds.add(snapshot.hold.detail)
            if snapshot.totals.remaining:
                seen.wall_s = time.monotonic() - started
                seen.others_cpu_s = machine_busy_s() - busy_before - seen.cpu_s
            for pid in [client.pid, *(worker.pid for worker in snapshot.workers if worker.pid)]:
                with contextlib.suppress(psutil.Error):
                    times = psutil.Process(pid).cpu_times()
                    cpu[pid] = times.user + times.system
        seen.cpu_s = sum(cpu.values())
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(SAMPLE_S)
    return seen


def machine_busy_s() -> float:
    """CPU seconds since the machine started, of all its cores and programs."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def tell(workspace: Workspace, seen: Watched, budget: int, group: cgroup.Group | None) -> None:
    reader = LedgerReader(workspace)
    account = reader.figures().totals
    floor = parse_floor("10%", min(budget, MemoryReader().read().total_bytes))
    cores = os.cpu_count() or 1
    where = "a control group" if group else "memory_limit"
    print(f"budget {memory_size(budget)} ({where}), floor {memory_size(floor)}, {cores} cores")
    print(
        f"  {account.done} of {account.rows} done, {account.failed} failed, {seen.kills} killed by the kernel"
    )
    least = memory_size(seen.least_available)
    print(
        f"  least available {least}; below the floor in {seen.below_floor_samples} of {seen.samples} samples"
    )
    left = max(1.0, seen.wall_s * cores - seen.others_cpu_s)
    print(
        f"  {seen.wall_s:.0f} s, {seen.cpu_s:.0f} CPU s: {seen.cpu_s / left:.0%} of what other programs",
        end=" ",
    )
    print(f"left of the cores (they took {seen.others_cpu_s:.0f} CPU s)")
    ratios = []
    for image in reader.images(limit=1000):
        for attempt in reader.attempts(image.id):
            if attempt.peak_rss_bytes and image.width and image.height:
                ratio = attempt.predicted_bytes / attempt.peak_rss_bytes
                ratios.append((ratio, image.width * image.height / 1e6, attempt.mode))
    large = [ratio for ratio, megapixels, _ in ratios if megapixels > 20]
    if large:
        print(f"  predicted / measured over 20 megapixels: {min(large):.2f} to {max(large):.2f}")
    modes = {mode: sum(1 for _, _, other in ratios if other == mode) for _, _, mode in ratios}
    print(f"  modes: {', '.join(f'{mode} {count}' for mode, count in sorted(modes.items()))}")
    for detail in sorted(seen.holds):
        print(f"  held: {detail}")


def parallel(directory: Path, sources: list[Path], budget: int) -> None:
    """GNU parallel with --memfree, one plain conversion a process (OpenJPEG through Pillow), as many as cores."""
    tool = shutil.which("parallel")
    if tool is None:
        print("GNU parallel is not installed")
        return
    floor = parse_floor("10%", budget)
    cores = os.cpu_count() or 1
    one = f"{sys.executable} -m bench.plain {{}} {{/.}}.jpg"
    with tempfile.TemporaryDirectory(dir=directory) as out, memory_group(budget) as group:
        if group is None:
            print("parallel: needs a control group, for --memfree knows the machine's memory only")
            return
        log = Path(out) / "joblog"
        options = ["--memfree", str(floor), "-j", str(cores), "--retries", "3", "--joblog", str(log)]
        command = inside(group, [tool, *options, one, ":::", *map(str, sources)])
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        started = time.monotonic()
        subprocess.run(command, cwd=out, env=environment, check=False, stderr=subprocess.DEVNULL)
        made = len(list(Path(out).glob("*.jpg")))
        print(
            f"GNU parallel --memfree {memory_size(floor)} -j {cores} in a control group of {memory_size(budget)}"
        )
        print(f"  {made} of {len(sources)} done, {cgroup.oom_kills(group)} killed by the kernel")
        print(f"  {time.monotonic() - started:.0f} s")


def main(arguments: list[str]) -> None:
    directory, parts = Path(arguments[0]).absolute(), arguments[1:] or ["forty", "giants", "parallel"]
    os.nice(5)
    if "forty" in parts:
        convert(directory, make(directory, forty()), 4 * GIB)
    if "parallel" in parts:
        parallel(directory, make(directory, forty()), 4 * GIB)
    if "giants" in parts:
        for path in make(directory, GIANTS):
            convert(directory, [path], 3 * GIB)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
