"""Faults of the other machines of a run: of their processes, cables, shares, stores and disks, and orders to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.soak.faults import LONGEST_S, During, Fault, Group
from tests.soak.machines import ClusterSite, OtherMachine
from tests.soak.place_faults import full_disk

_UNTIL_IT_IS_LOST_S = 24.0
_UNTIL_IT_IS_SEEN_S = 12.0

Act = Callable[[OtherMachine], object]
Say = Callable[[str], None]


def machine_faults(site: ClusterSite, luck: random.Random, mountpoint: Path | None, say: Say) -> list[Fault]:
    """Each falls upon one machine, drawn when it begins; the store is below `mountpoint`, or is a bucket."""
    found = _of_machines() + _of_sources(site, luck)
    if mountpoint is not None:
        found += _of_stores(mountpoint)
    return [_OfOne(site, luck, say, *fault) for fault in found] + _orders(site, luck)


class _OfOne:
    def __init__(
        self,
        site: ClusterSite,
        luck: random.Random,
        say: Say,
        name: str,
        group: Group,
        longest_s: float,
        begin: Act,
        end: Act = lambda machine: None,
    ) -> None:
        self.name, self.group, self.longest_s = name, group, longest_s
        self._site, self._luck, self._say = site, luck, say
        self._begin, self._end = begin, end
        self._machine: OtherMachine | None = None

    def begin(self) -> None:
        self._machine = self._luck.choice(self._site.machines)
        self._say(f"{self._site.name}: of {self._machine.name}")
        self._begin(self._machine)

    def end(self) -> None:
        assert self._machine is not None
        self._end(self._machine)


def _to(what: str, act: str) -> Act:
    """`suspend`, `resume`, `terminate` or `kill` for this process there."""

    def do(machine: OtherMachine) -> None:
        process = machine.process(what)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                getattr(process, act)()

    return do


def _to_all(act: str) -> Act:
    """The same for the host process and its children."""

    def do(machine: OtherMachine) -> None:
        with suppress(psutil.NoSuchProcess):
            getattr(machine.host, act)()

    return do


_OfMachine = tuple[str, Group, float, Act] | tuple[str, Group, float, Act, Act]


def _of_machines() -> list[_OfMachine]:
    disk, lost_s = Group.DISK, _UNTIL_IT_IS_LOST_S
    found: list[_OfMachine] = [
        ("a host killed", disk, LONGEST_S, _to_all("kill")),
        ("a host asleep", disk, lost_s, _to_all("suspend"), _to_all("resume")),
        ("SIGTERM to a host", disk, LONGEST_S, _to("host", "terminate")),
        ("SIGTERM twice to a host", disk, 1.0, _to("host", "terminate"), _to("host", "terminate")),
        ("a cable out", disk, lost_s, lambda at: at.link.pull(), lambda at: at.link.plug_in()),
        ("packets lost", disk, lost_s, lambda at: at.link.drop(), lambda at: at.link.drop_nothing()),
        ("a host's scratch full", disk, _UNTIL_IT_IS_SEEN_S, _fill, _empty),
        ("a host's scratch swept", disk, LONGEST_S, _sweep),
    ]
    for what in ("worker", "uploader"):
        found.append((f"SIGKILL to a host's {what}", disk, LONGEST_S, _to(what, "kill")))
    for what in ("host", "worker", "uploader"):
        found.append((f"SIGSTOP to a host's {what}", disk, lost_s, _to(what, "suspend"), _to(what, "resume")))
    return found


def _fill(machine: OtherMachine) -> None:
    full_disk("scratch", machine.scratch).begin()


def _empty(machine: OtherMachine) -> None:
    full_disk("scratch", machine.scratch).end()


def _sweep(machine: OtherMachine) -> None:
    for path in machine.scratch.rglob("*.jpg"):
        path.unlink(missing_ok=True)


def _cover(what: Path) -> Act:
    return lambda machine: machine.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(what))


def _uncover(what: Path) -> Act:
    return lambda machine: machine.run("umount", "-l", str(what))


def _of_sources(site: ClusterSite, luck: random.Random) -> list[_OfMachine]:
    share, seen_s, sources = site.share, _UNTIL_IT_IS_SEEN_S, Group.SOURCES
    covered: list[str] = []

    def another(change: Callable[[bytes], bytes]) -> Act:
        def do(machine: OtherMachine) -> None:
            source, other = luck.choice(sorted(share.glob("good-*.jp2"))), machine.directory / "other.jp2"
            other.write_bytes(change(source.read_bytes()))
            machine.run("mount", "--bind", str(other), str(source))
            other.unlink()
            covered.append(str(source))

        return do

    def uncover(machine: OtherMachine) -> None:
        machine.run("umount", "-l", covered.pop())

    of_another = (share / "cut.jp2").read_bytes()
    return [
        ("a host's share away", sources, LONGEST_S, _cover(share), _uncover(share)),
        ("another file on a host", sources, seen_s, another(lambda data: of_another), uncover),
        ("a cut file on a host", sources, seen_s, another(lambda data: data[: len(data) // 2]), uncover),
    ]


def _of_stores(mountpoint: Path) -> list[_OfMachine]:
    store, seen_s = Group.STORE, _UNTIL_IT_IS_SEEN_S

    def remounted(how: str) -> Act:
        return lambda machine: machine.run("mount", "-o", f"remount,bind,{how}", str(mountpoint))

    return [
        ("a host's store away", store, seen_s, _cover(mountpoint), _uncover(mountpoint)),
        ("a host's store read-only", store, seen_s, remounted("ro"), remounted("rw")),
    ]


def _orders(site: ClusterSite, luck: random.Random) -> list[Fault]:
    def name() -> str:
        return luck.choice(site.machines).name

    def skip(*options: str) -> None:
        busy = [worker["image_id"] for worker in site.status()["workers"] if worker["image_id"] is not None]
        if busy:
            site.command("skip", str(luck.choice(busy)), *options)

    def give_workers() -> None:
        site.command("workers", str(luck.randint(1, 3)), "--host", name())

    engine = Group.ENGINE
    return [
        During("hosts drain", engine, lambda: site.command("hosts", "drain", name())),
        During("hosts forget", engine, lambda: site.command("hosts", "forget", name(), "--yes")),
        During("workers --host", engine, give_workers),
        During("skip", engine, skip),
        During("skip --fail", engine, lambda: skip("--fail")),
    ]
