"""What many machines cost the engine: CPU time of supervisor, scheduler and hosts for an image, and how busy slots are.

    python -m bench.hosts [--hosts 1,4,16,64] [--slots 12] [--rate 25.6] [--seconds 60] [--directory DIR]

The real engine, its real scheduler and real hosts' processes, connected by TLS on the loopback; below the hosts workers
are simulated (`bench.simulated_hosts`). An image takes as long as makes all slots together finish RATE images a
second: with 64 hosts of 12 slots 30 s, with one host half a second. A client asks for the status once a second, as the
app does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.supervisor import cpu_s, make_workspace
from engine.control.client import EngineClient, running_engine
from engine.hosts.invitations import Authority, write_invitation
from engine.hosts.meeting import SCHEDULER
from engine.ledger.states import EventKind, EventLevel
from engine.messages import DecodeMode
from engine.supervisor.engine_ledger import EngineLedger
from engine.workspace import Workspace
from tests.support.ledgers import converted

LEAST_BUSY = 0.95
"""If an image takes as long as real ones do."""
_AS_REAL_ONES_S = 20.0
_JOINED_WITHIN_S = 240.0
_ANSWERS_WITHIN_S = 60.0
_LEDGER_IMAGES = 2000


@dataclass(frozen=True)
class Load:
    hosts: int
    slots: int
    image_s: float
    measured_s: float


@dataclass(frozen=True)
class Result:
    images_per_s: float
    supervisor_ms: float
    """Of CPU time an image, as the next two."""
    scheduler_ms: float
    hosts_ms: float
    """Of all hosts' processes together."""
    busy: float
    """Which share of the time slots had an image."""
    machine: float
    """Which share of the machine's processors was used: at 1 the figures before are of a machine that is overloaded."""


def make_cluster(directory: Path, load: Load, images: int) -> tuple[Workspace, Path]:
    """A workspace of so many pending images, and a directory with the invitations."""
    workspace = make_workspace(directory / "workspace", images, in_the_middle=False)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{found.getsockname()[1]}"
    workspace.config_path.write_text(f'[cluster]\nlisten = "{address}"\nhere = false\n')
    machines = directory / "machines"
    machines.mkdir()
    authority = Authority(workspace.cluster_dir)
    for number in range(load.hosts):
        name = f"host{number + 1:02}"
        write_invitation(machines / f"{name}.pem", authority.invite(name, address))
    return workspace, machines


@contextmanager
def started(module: str, *arguments: object) -> Iterator[psutil.Process]:
    """A process that is ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)], stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _JOINED_WITHIN_S
    while not is_true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {_JOINED_WITHIN_S:.0f} s: {what}")
        time.sleep(0.5)


def engine_of(workspace: Workspace) -> EngineClient:
    """As soon as it answers."""
    wait_until(lambda: workspace.socket_path.exists(), "the engine")
    client = running_engine(workspace, timeout_s=_ANSWERS_WITHIN_S)
    assert client is not None
    return client


def busy_s(file: Path) -> list[tuple[float, float]]:
    """Of each host: when it was noted, and for how long its slots had had images by then."""
    return list(struct.iter_unpack("dd", file.read_bytes()))


def measure(load: Load, directory: Path) -> Result:
    rate = load.hosts * load.slots / load.image_s
    images = round(rate * (load.measured_s + 2 * load.image_s + 30) + 2 * load.hosts * load.slots)
    workspace, machines = make_cluster(directory, load, images)
    with started("engine", workspace.root) as engine, engine_of(workspace) as client:
        wait_until(lambda: client.snapshot().survey.read == images, "all headers are read")
        with started("bench.simulated_hosts", machines, load.slots, load.image_s) as hosts:
            return _measured(load, client, engine, hosts, machines / "busy")


def _measured(
    load: Load, client: EngineClient, supervisor: psutil.Process, hosts: psutil.Process, busy: Path
) -> Result:
    slots = load.hosts * load.slots
    wait_until(
        lambda: sum(h.busy for h in client.snapshot().hosts or ()) >= 0.9 * slots, "all slots have images"
    )
    client_until(client, 0.5 * load.image_s)
    scheduler = next(child for child in supervisor.children() if SCHEDULER in child.cmdline())
    groups = {"supervisor": [supervisor], "scheduler": [scheduler], "hosts": hosts.children()}
    began, done, noted = time.monotonic(), client.snapshot().totals.done, busy_s(busy)
    before = {name: sum(map(cpu_s, processes)) for name, processes in groups.items()}
    all_before = psutil.cpu_times()
    client_until(client, load.measured_s)
    used = {name: sum(map(cpu_s, processes)) - before[name] for name, processes in groups.items()}
    all_after = psutil.cpu_times()
    images, took_s = client.snapshot().totals.done - done, time.monotonic() - began
    idle_s = all_after.idle + all_after.iowait - all_before.idle - all_before.iowait
    shares = [
        (busy1 - busy0) / (at1 - at0) / load.slots
        for (at0, busy0), (at1, busy1) in zip(noted, busy_s(busy), strict=True)
    ]
    each = {name: 1000 * seconds / max(1, images) for name, seconds in used.items()}
    cpus = os.cpu_count() or 1
    return Result(
        images / took_s,
        each["supervisor"],
        each["scheduler"],
        each["hosts"],
        sum(shares) / len(shares),
        1 - idle_s / took_s / cpus,
    )


def client_until(client: EngineClient, after_s: float) -> None:
    """Ask for the status once a second for so long."""
    deadline = time.monotonic() + after_s
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        client.snapshot()


def ledger_ms(directory: Path, at_once: int, images: int = _LEDGER_IMAGES) -> float:
    """CPU time of the ledger's changes for an image, from its start until it is done, so many images a turn."""
    workspace = make_workspace(directory, images, in_the_middle=False)
    with closing(sqlite3.connect(workspace.ledger_path)) as db:
        db.execute("UPDATE images SET surveyed = 1, width = 100, height = 100, components = 3, bits = 8")
        db.commit()
    with EngineLedger.open(workspace, "bench") as ledger:
        began = time.process_time()
        for first in range(1, images + 1, at_once):
            turn = range(first, min(first + at_once, images + 1))
            with ledger.turn():
                for image in turn:
                    ledger.start(image, 4711, 1 << 30, DecodeMode.WHOLE.value, 1.0, "host01")
                    ledger.event(EventLevel.INFO, EventKind.STARTED, "attempt 1", image, 4711, host="host01")
            with ledger.turn():
                for image in turn:
                    ledger.converted(converted(image), "host01")
                    ledger.event(EventLevel.INFO, EventKind.CONVERTED, "17 MB", image, 4711, host="host01")
            with ledger.turn():
                for image in turn:
                    ledger.done(image)
                    ledger.event(EventLevel.INFO, EventKind.STORED, "7 MB", image, host="host01")
        return 1000 * (time.process_time() - began) / images


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", default="1,4,16,64")
    parser.add_argument("--slots", type=int, default=12)
    parser.add_argument("--rate", type=float, default=25.6, help="images a second, of all hosts together")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--directory", type=Path)
    options = parser.parse_args()
    directory = options.directory or Path(tempfile.mkdtemp(prefix="photostat-bench-"))
    is_kept = True
    try:
        for hosts in map(int, options.hosts.split(",")):
            load = Load(hosts, options.slots, hosts * options.slots / options.rate, options.seconds)
            found = measure(load, directory / str(hosts))
            print(
                f"{hosts} hosts of {options.slots} slots, {load.image_s:.1f} s an image: "
                f"{found.images_per_s:.1f} images a second, slots {100 * found.busy:.1f} % busy; "
                f"CPU time an image: supervisor {found.supervisor_ms:.2f} ms, "
                f"scheduler {found.scheduler_ms:.2f} ms, hosts together {found.hosts_ms:.2f} ms; "
                f"this machine was {100 * found.machine:.0f} % busy",
                flush=True,
            )
            is_kept = is_kept and (found.busy >= LEAST_BUSY or load.image_s < _AS_REAL_ONES_S)
        for at_once in (1, 8):
            each = ledger_ms(directory / f"ledger{at_once}", at_once)
            print(f"ledger, {at_once} images a turn: {each:.2f} ms of CPU time an image")
    finally:
        if options.directory is None:
            shutil.rmtree(directory)
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
