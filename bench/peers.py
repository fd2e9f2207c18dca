"""photostat beside GNU parallel with ImageMagick or vips, and rclone: wall and CPU, into the same S3 store.

    python -m bench.peers [ROUNDS] [FILES] [DIRECTORY]

Lossless RGB of 12 megapixels, untiled, in tiles, and half of each; JPEG at Q 92, 4:4:4; as many jobs as cores. The
peers are a script as people write it: all files converted by GNU parallel, then one `rclone copy` of the directory.
photostat's time is that of `init`, `add` and `run` together. All take turns, each into a prefix of its own of one
SeaweedFS, whose CPU time counts for nobody. What is not installed is named and left out.
"""

from __future__ import annotations

import csv
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.conversion import WORK, Subject, make_subject

ROUNDS = 3
FILES = 16
QUALITY = 92
MIXTURES = {"untiled": (None,), "tiles of 1024": (1024,), "half of each": (None, 1024)}
_PHOTOSTAT = (sys.executable, "-c", "from tui.cli import main; main()")


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    """Of all processes that were started, not of the store."""


@dataclass(frozen=True)
class Target:
    """A bucket of a running server."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AWS_", "PHOTOSTAT_"))
            },
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG": "",
            "OMP_NUM_THREADS": "1",  # ImageMagick's threads: GNU parallel fills the cores
            "VIPS_CONCURRENCY": "1",
        }

    @property
    def rclone_remote(self) -> str:
        return (
            f":s3,provider=SeaweedFS,env_auth=true,force_path_style=true,no_check_bucket=true,"
            f"endpoint='{self.endpoint}':{self.bucket}"
        )


Way = Callable[[list[Path], Target, str, Path], None]


def with_image_magick(files: list[Path], target: Target, prefix: str, work: Path) -> None:
    convert = "magick" if shutil.which("magick") else "convert"
    command = f"{convert} {{}} -quality {QUALITY} -sampling-factor 4:4:4 {work}/{{/.}}.jpg"
    _parallel_and_rclone(command, files, target, prefix, work)


def with_vips(files: list[Path], target: Target, prefix: str, work: Path) -> None:
    command = f"vips copy {{}} {work}/{{/.}}.jpg[Q={QUALITY},subsample_mode=off]"
    _parallel_and_rclone(command, files, target, prefix, work)


def _parallel_and_rclone(command: str, files: list[Path], target: Target, prefix: str, work: Path) -> None:
    jobs = str(os.cpu_count() or 1)
    _run("parallel", "--will-cite", "-j", jobs, command, ":::", *files, environment=target.environment)
    copied = f"{target.rclone_remote}/{prefix}"
    _run(
        "rclone", "copy", "--no-traverse", "--include", "*.jpg", work, copied, environment=target.environment
    )


def with_photostat(files: list[Path], target: Target, prefix: str, work: Path) -> None:
    _run(*_PHOTOSTAT, "init", work, environment=target.environment)
    (work / "photostat.toml").write_text(
        f'[store]\nurl = "s3://{target.bucket}/{prefix}"\nendpoint = "{target.endpoint}"\n'
        f'[jpeg]\nquality = {QUALITY}\n[engine]\nmemory_floor = "5%"\n',
        encoding="utf-8",
    )
    with (work / "export.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        for number, path in enumerate(files):
            writer.writerow([uuid.UUID(int=number, version=4), "B", "R", f"{path.stem}.tif", "pages", path])
    _run(*_PHOTOSTAT, "-C", work, "add", work / "export.csv", environment=target.environment)
    workers = str(os.cpu_count() or 1)
    _run(*_PHOTOSTAT, "-C", work, "run", "--foreground", "--workers", workers, environment=target.environment)


@dataclass(frozen=True)
class Peer:
    name: str
    way: Way
    needs: tuple[tuple[str, ...], ...] = ()
    """Programs, or one of several."""

    @property
    def missing(self) -> list[str]:
        return [" or ".join(names) for names in self.needs if not any(map(shutil.which, names))]


PEERS = (
    Peer("photostat", with_photostat),
    Peer(
        "parallel, ImageMagick, rclone",
        with_image_magick,
        (("parallel",), ("magick", "convert"), ("rclone",)),
    ),
    Peer("parallel, vips, rclone", with_vips, (("parallel",), ("vips",), ("rclone",))),
)


def _run(*command: str | Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")


def measure(peer: Peer, files: list[Path], target: Target) -> Cost:
    """What it costs to have every file in the store, which is looked at afterwards."""
    prefix = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(dir=files[0].parent) as work:
        began, before = time.monotonic(), children_cpu_s()
        peer.way(files, target, prefix, Path(work))
        cost = Cost(time.monotonic() - began, children_cpu_s() - before)
    stored = _stored(target, prefix)
    if len(stored) != len(files) or min(stored) < 100_000:
        raise RuntimeError(f"{peer.name} has stored {len(stored)} of {len(files)} JPEGs: {stored}")
    return cost


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _stored(target: Target, prefix: str) -> list[int]:
    """The sizes of the JPEGs there, bytes."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=target.endpoint,
        region_name="us-east-1",
        aws_access_key_id=target.access_key,
        aws_secret_access_key=target.secret_key,
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=prefix)
    return [
        found["Size"] for page in pages for found in page.get("Contents", []) if found["Key"].endswith(".jpg")
    ]


def make_files(directory: Path, tiles: Sequence[int | None], files: int) -> list[Path]:
    """Copies of one picture under as many names, in a directory of their own."""
    originals = [make_subject(WORK, Subject("", 4000, 3000, tile)) for tile in tiles]
    directory.mkdir(parents=True)
    made = [directory / f"page_{number:04}.jp2" for number in range(files)]
    for number, path in enumerate(made):
        shutil.copyfile(originals[number % len(originals)], path)
    return made


@contextmanager
def store(directory: Path) -> Iterator[Target]:
    """A SeaweedFS of its own, until the end."""
    from tests.support.seaweed import ACCESS_KEY, BUCKET, SECRET_KEY, Seaweed

    server = Seaweed(directory)
    server.start()
    try:
        yield Target(server.endpoint, BUCKET, ACCESS_KEY, SECRET_KEY)
    finally:
        server.kill()


def main(rounds: int, files: int, directory: Path | None) -> int:
    peers = [peer for peer in PEERS if not peer.missing]
    for peer in PEERS:
        if peer.missing:
            print(f"left out: {peer.name}, because this is not installed: {', '.join(peer.missing)}")
    print(f"{files} files of 12 megapixels, {os.cpu_count()} cores; median of {rounds} rounds, in turns")
    first = True
    with tempfile.TemporaryDirectory(dir=directory) as made, store(Path(made) / "store") as target:
        for mixture, tiles in MIXTURES.items():
            sources = make_files(Path(made) / mixture.replace(" ", "-"), tiles, files)
            costs: dict[str, list[Cost]] = {peer.name: [] for peer in peers}
            for number in range(rounds):
                for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
                    costs[peer.name].append(measure(peer, sources, target))
            first = _print(mixture, costs) and first
    return 0 if first else 1


def _print(mixture: str, costs: dict[str, list[Cost]]) -> bool:
    """Whether photostat was the first, by its wall time."""
    ours = statistics.median(cost.wall_s for cost in costs[PEERS[0].name])
    print(f"\n{mixture:<32}{'wall':>8}{'CPU':>8}{'wall to photostat':>20}")
    for name, all_costs in costs.items():
        wall = statistics.median(cost.wall_s for cost in all_costs)
        cpu = statistics.median(cost.cpu_s for cost in all_costs)
        print(f"{name:<32}{wall:>6.1f} s{cpu:>6.1f} s{wall / ours:>18.2f}", flush=True)
    return all(statistics.median(cost.wall_s for cost in them) >= ours for them in costs.values())


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS,
            int(sys.argv[2]) if len(sys.argv) > 2 else FILES,
            Path(sys.argv[3]) if len(sys.argv) > 3 else None,
        )
    )
