"""Where a run would hold at once, as things are now: the store, the share, disks, memory, the ledger, what people
have ordered."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from engine.config import Config, file_path
from engine.control.snapshot import HoldReason
from engine.formatting import clock, counted, data_size, memory_size
from engine.ledger.account import Account
from engine.ledger.batch_order import only_held
from engine.ledger.faults import fault_of
from engine.ledger.lock import find_holder
from engine.memory.available import MemoryReader, parse_floor
from engine.preflight.cluster import of_the_cluster
from engine.preflight.result import Preflight, WouldHold
from engine.scratch import write_problem
from engine.workspace import Workspace

_LEAST_FREE_BYTES = 16 << 20
"""Of a disk: as much as an engine tries to write before it goes on after a full disk (`Scratch.space_problem`)."""


def holds_now(workspace: Workspace, config: Config, result: Preflight) -> list[WouldHold]:
    """While an engine runs, nothing about memory, the ledger and what people have ordered: it tells of itself."""
    holder = find_holder(workspace.lock_path)
    found = [
        *_of_the_store(result),
        *([WouldHold(HoldReason.SOURCE, result.share_problem)] if result.share_problem else []),
        *_of_disks(workspace, config, result),
    ]
    found += of_the_cluster(
        config.cluster, workspace.root, engine_runs=holder is not None and holder.is_engine
    )
    if holder is None:
        found += [*(_of_memory(config, result) if config.cluster.here else ()), *_of_the_ledger(workspace)]
    elif not holder.is_engine:
        detail = f"the ledger is being written by {holder}: a run waits for that, or is refused"
        found.append(WouldHold(HoldReason.LEDGER, detail))
    if holder is None or not holder.is_engine:
        found += _of_people(config, result.held_waiting, time.time())
    return found


def held_waiting(accounts: Mapping[str, Account], held: Collection[str], batch: str | None) -> dict[str, int]:
    """How many images wait in each batch that a run would take, if people hold all of these; else nothing."""
    pending = {name: account.pending for name, account in accounts.items() if batch in (None, name)}
    waiting = {name: images for name, images in pending.items() if images}
    return waiting if waiting.keys() <= set(held) else {}


def _of_people(config: Config, held_waiting: Mapping[str, int], now: float) -> Iterator[WouldHold]:
    """`now` is Unix time, s."""
    if held_waiting:
        yield WouldHold(HoldReason.BATCH, only_held(held_waiting))
    hours = config.engine.hours
    if not hours.is_open(now):
        begins = clock(hours.next_span(now).opens, now)
        detail = f"now is outside the hours ({hours.text}): a run begins its work at {begins} by itself"
        yield WouldHold(HoldReason.HOURS, detail)


def _of_the_store(result: Preflight) -> Iterator[WouldHold]:
    if (failure := result.store_failure) is not None:
        yield WouldHold(HoldReason.STORE, f"{failure.cause}: {failure.message}")


def _of_disks(workspace: Workspace, config: Config, result: Preflight) -> Iterator[WouldHold]:
    if result.scratch_problem:
        yield WouldHold(HoldReason.DISK, f"scratch: {result.scratch_problem}")
        return
    if (logs := write_problem(workspace.logs_dir)) is not None:
        yield WouldHold(HoldReason.DISK, f"logs: {logs}")
    good = result.images - len(result.findings)
    average = result.predicted_jpeg_bytes // good if good else 0
    needed = max(_LEAST_FREE_BYTES, average * result.workers)
    scratch = workspace.scratch_dir(config)
    free = free_bytes(scratch)
    if free is not None and free < needed:
        detail = (
            f"scratch: {data_size(free)} are free where {scratch} is, and the JPEGs of "
            f"{counted(result.workers, 'worker')} take about {data_size(needed)}; free space there"
        )
        yield WouldHold(HoldReason.DISK, detail)


def store_shortage(workspace: Workspace, config: Config, result: Preflight) -> str | None:
    """Why the JPEGs will not all fit into a directory as store; that holds a run in its course, not at once."""
    if not config.store.url.startswith("file:"):
        return None
    directory = workspace.root / Path(file_path(config.store.url)).expanduser()
    free = free_bytes(directory)
    if free is None or free >= result.predicted_jpeg_bytes:
        return None
    needed = data_size(result.predicted_jpeg_bytes)
    return f"the store has {data_size(free)} free, and the JPEGs take about {needed}: a run would hold in its course"


def free_bytes(directory: Path) -> int | None:
    """Where it is, or where it would be made; None if that cannot be found out."""
    for place in (directory, *directory.parents):
        with contextlib.suppress(OSError):
            volume = os.statvfs(place)
            return volume.f_bavail * volume.f_frsize
    return None


def _of_memory(config: Config, result: Preflight) -> Iterator[WouldHold]:
    memory = MemoryReader(config.engine.memory_limit).read()
    floor = parse_floor(config.engine.memory_floor, memory.total_bytes)
    available = memory.available_bytes
    if available < floor:
        must = f"{memory_size(floor)} must stay free (memory_floor)"
        detail = f"{memory_size(available)} of memory is available and {must}"
    elif result.least_need_bytes > available - floor:
        detail = (
            f"{memory_size(available - floor)} of memory is available above the floor, and the image that takes least "
            f"needs {memory_size(result.least_need_bytes)}"
        )
    else:
        return
    yield WouldHold(HoldReason.MEMORY, f"{detail}; end other programs, or wait until they are done")


def _of_the_ledger(workspace: Workspace) -> Iterator[WouldHold]:
    """By beginning to write, and not writing."""
    path = workspace.ledger_path
    if not path.exists():
        return
    try:
        with contextlib.closing(
            sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=1.0
            )
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        yield WouldHold(HoldReason.LEDGER, str(fault_of(error, path) or error))
        return
    free = free_bytes(path.parent)
    if free is not None and free < _LEAST_FREE_BYTES:
        yield WouldHold(HoldReason.LEDGER, f"the disk with the ledger {path} has {data_size(free)} free")
