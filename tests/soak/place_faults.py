"""Faults of the places: the store and its network, the shares with the sources, the disks below."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.soak.faults import LONGEST_S, During, Fault, Group
from tests.support.hung_sources import HangingShare
from tests.support.s3_relay import ChooseFault, Kind, Relay
from tests.support.s3_relay import Fault as RelayFault
from tests.support.seaweed import Seaweed
from tests.support.waiting import LONGEST_WAIT_S
from tests.support.wrong_stores import WRONG_STORES, poor_store

_PASSING = (
    RelayFault(Kind.REPLY, 500, "InternalError"),
    RelayFault(Kind.REPLY, 503, "SlowDown"),
    RelayFault(Kind.RESET),
    RelayFault(Kind.CUT),
    RelayFault(Kind.LOSE_REPLY),
    RelayFault(Kind.DELAY, seconds=0.5),
    RelayFault(Kind.CORRUPT),
    RelayFault(Kind.FORGE_ETAG),
    RelayFault(Kind.THROTTLE, bytes_per_s=20_000),
)
_NOT_MOUNTED = "NOT_MOUNTED"
_UNTIL_IT_IS_SHOWN_S = 80.0
"""An image that hangs is shown as such after a minute."""


def s3_faults(server: Seaweed, relay: Relay, luck: random.Random) -> list[Fault]:
    """Of the server itself, and of what stands between."""

    def sometimes(asked: object) -> RelayFault | None:
        return luck.choice(_PASSING) if luck.random() < 0.3 else None

    faults: list[Fault] = [
        During("the S3 server killed", Group.STORE, server.kill, server.start),
        During("the S3 server suspended", Group.STORE, server.suspend, server.resume),
        During("no connections to S3", Group.STORE, relay.refuse, relay.listen),
    ]
    behaviours: list[tuple[str, ChooseFault]] = [(wrong.name, wrong.choose_fault) for wrong in WRONG_STORES]
    for name, behaviour in [*behaviours, ("a poor S3", poor_store), ("passing faults", sometimes)]:
        faults.append(_relayed(relay, name, behaviour))
    return faults


def _relayed(relay: Relay, name: str, behaviour: ChooseFault) -> Fault:
    def begin() -> None:
        relay.choose_fault = behaviour

    return During(f"S3: {name}", Group.STORE, begin, relay.forward_all)


def volume_faults(mountpoint: Path, volume: Path) -> list[Fault]:
    """The local store's volume goes, also with something else in its place, and comes back."""

    def away() -> None:
        subprocess.run(["umount", "-l", str(mountpoint)], check=True)

    def back() -> None:
        found = [path.name for path in mountpoint.iterdir()]
        assert set(found) <= {_NOT_MOUNTED}, f"written to the directory below the volume: {found}"
        (mountpoint / _NOT_MOUNTED).unlink(missing_ok=True)
        bind(volume, mountpoint)

    def other() -> None:
        away()
        (mountpoint / _NOT_MOUNTED).touch()

    return [
        During("the store's volume unmounted", Group.STORE, away, back),
        During("the store's volume unmounted, NOT_MOUNTED there", Group.STORE, other, back),
        During(
            "the store's volume read-only",
            Group.STORE,
            lambda: _remount(mountpoint, "ro"),
            lambda: _remount(mountpoint, "rw"),
        ),
    ]


def bind(directory: Path, mountpoint: Path) -> None:
    subprocess.run(["mount", "--bind", str(directory), str(mountpoint)], check=True)


def mount_tmpfs(mountpoint: Path, size: str) -> None:
    mountpoint.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mountpoint)], check=True)


def _remount(mountpoint: Path, how: str) -> None:
    """A file that is open for writing keeps the volume writable: then the fault does not happen."""
    subprocess.run(["mount", "-o", f"remount,bind,{how}", str(mountpoint)], capture_output=True, check=False)


def moved_share(share: Path) -> Fault:
    """As a mount point is when nothing is mounted: the directory is there, and empty."""
    elsewhere = share.with_name(share.name + "-elsewhere")

    def away() -> None:
        share.rename(elsewhere)
        share.mkdir()

    def back() -> None:
        share.rmdir()
        elsewhere.rename(share)

    return During("the share moved away", Group.SOURCES, away, back)


def hanging_sources(share: HangingShare, luck: random.Random) -> list[Fault]:
    names = ("good-0.jp2", "good-4.jp2", "*")
    return [
        During(
            f"{operation} of sources hangs",
            Group.SOURCES,
            lambda operation=operation: share.hang(operation, luck.choice(names)),  # type: ignore[misc]
            share.answer,
            longest_s=longest_s,
        )
        for operation, longest_s in (("stat", LONGEST_S), ("open", LONGEST_S), ("read", _UNTIL_IT_IS_SHOWN_S))
    ]


def full_disk(what: str, directory: Path) -> Fault:
    """Not a byte is left where `directory` is."""
    ballast = directory / "ballast"

    def fill() -> None:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
                        os.fsync(file.fileno())

    return During(f"no space under {what}", Group.DISK, fill, lambda: ballast.unlink(missing_ok=True))


def read_only(what: str, mountpoint: Path) -> Fault:
    return During(
        f"{what} read-only",
        Group.DISK,
        lambda: _remount(mountpoint, "ro"),
        lambda: _remount(mountpoint, "rw"),
    )


def locked_ledger(path: Path) -> Fault:
    """Another program has the ledger's write lock, as `sqlite3` or a backup does."""
    holders: list[sqlite3.Connection] = []

    def lock() -> None:
        holder = sqlite3.connect(path, isolation_level=None, timeout=LONGEST_WAIT_S, check_same_thread=False)
        holders.append(holder)
        with suppress(sqlite3.OperationalError):  # the disk may be full as well
            holder.execute("BEGIN IMMEDIATE")

    def unlock() -> None:
        holders.pop().close()

    return During("the ledger locked by another program", Group.DISK, lock, unlock, longest_s=16.0)
