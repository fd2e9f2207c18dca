"""The contract of hosts and of the processes that slots hold, whatever machine they are on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from engine.config import JpegSettings, StoreSettings
from engine.hosts.base import WORKER, ChildProcess, Host, NotKnownYet
from engine.hosts.children import Children
from engine.hosts.local import LocalHost
from engine.hosts.remote import RemoteHost
from engine.hosts.session import Session
from engine.hosts.wire import Greet, Hello, Parcel, Ping
from engine.memory.available import MemoryReader
from engine.messages import (
    Converted,
    DecodeMode,
    Job,
    KnownStore,
    NotConverted,
    Plan,
    ProbeStore,
    Quit,
    StageChanged,
    Stored,
    StoreProbed,
    StoreRequest,
    WorkerReady,
)
from engine.scratch import Scratch
from tests.support.jp2_files import make_jp2
from tests.support.specimens import specimens
from tests.support.waiting import LONGEST_WAIT_S, wait_until_async


@dataclass
class Place:
    """A host, and the event that its processes set."""

    host: Host
    wake_up: asyncio.Event
    root: Path
    taken: Callable[[], None] = lambda: None
    """Called when what the processes have said was taken."""

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look only when the host has woken us up."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            while not condition():
                self.taken()
                await self.wake_up.wait()
                self.wake_up.clear()

    async def said(self, child: ChildProcess, kind: type, found: list[Any]) -> Any:
        """The first message of this kind; all before it are in `found` too."""

        def has_come() -> bool:
            found.extend(child.messages())
            return any(isinstance(message, kind) for message in found)

        await self.until(has_come)
        return next(message for message in found if isinstance(message, kind))

    async def space_problem(self) -> str | None:
        """What a host says that was asked now."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            while True:
                try:
                    return self.host.scratch.space_problem(1 << 20)
                except NotKnownYet:
                    await asyncio.sleep(0.01)

    async def ready(self) -> ChildProcess:
        worker = self.host.hire(f"{WORKER}-1")
        await self.said(worker, WorkerReady, [])
        return worker

    def source(self) -> Path:
        make_jp2(self.root / "1.jp2")
        return self.root / "1.jp2"

    def job(self, source: Path, attempt: int = 1) -> Job:
        assert self.host.scratch.make_directory() is None
        path = self.host.scratch.jpeg_path(7, attempt)
        plan = Plan(DecodeMode.WHOLE)
        return Job(7, attempt, "u", str(source), "", str(path), JpegSettings(), False, plan)


@pytest.fixture(params=["local", "remote"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    opened = {"local": local_place, "remote": remote_place}[request.param]
    async with opened(tmp_path) as place:
        yield place


@asynccontextmanager
async def local_place(root: Path) -> AsyncIterator[Place]:
    wake_up = asyncio.Event()
    children = Children(root / "engine.children", Mock(), wake_up)
    scratch = Scratch(root / "scratch", root, "identity")
    host = LocalHost(children, scratch, StoreSettings(url="file:out"), root)
    yield Place(host, wake_up, root, lambda: children.collect(time.monotonic()))
    await children.close()


@asynccontextmanager
async def remote_place(root: Path) -> AsyncIterator[Place]:
    """Both ends in this process; what they say travels packed, and the second of two parcels first."""
    wake_up, host_wake_up = asyncio.Event(), asyncio.Event()
    hello = Hello("conv2", "tls://somewhere:1", (), 2, 2, MemoryReader().read())
    children = Children(root / "host.children", Mock(), host_wake_up)
    to_engine, to_host = (
        Swapped(lambda parcel: host.take(parcel)),
        Swapped(lambda parcel: session.take(parcel)),
    )
    session = Session("ab" * 16, "conv2", children, root / "scratch", to_engine.send)
    host = RemoteHost(hello, "ab" * 16, to_host.send, wake_up.set)
    host.post(Greet(StoreSettings(url="file:out"), root, "identity", "0123456789abcdef", specimens()))

    async def carry() -> None:
        while True:
            host.look(time.monotonic())
            host.post(Ping())  # as the cluster does, less often
            host.flush()
            to_host.deliver()
            session.work(time.monotonic())
            to_engine.deliver()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(host_wake_up.wait(), 0.01)
            host_wake_up.clear()

    carrying = asyncio.create_task(carry())
    place = Place(host, wake_up, root)
    await place.until(lambda: host.joined is not None)
    yield place
    carrying.cancel()
    await session.end()


class Swapped:
    """A connection on which parcels overtake one another, and come twice."""

    def __init__(self, take: Callable[[Parcel], None]) -> None:
        self._take = take
        self._under_way: list[bytes] = []

    def send(self, parcel: Parcel) -> None:
        self._under_way.append(parcel.packed())

    def deliver(self) -> None:
        for packed in [*reversed(self._under_way), *self._under_way[:1]]:
            self._take(Parcel.unpacked(packed))
        self._under_way.clear()


async def test_a_worker_says_when_it_is_ready_and_answers_each_job_by_its_image_and_attempt(
    place: Place,
) -> None:
    worker, found = await place.ready(), list[Any]()
    source = place.source()
    worker.send(place.job(source))
    done = await place.said(worker, Converted, found)
    assert any(isinstance(message, StageChanged) for message in found)
    assert (done.image_id, done.attempt) == (7, 1)
    assert hashlib.md5(Path(done.scratch_path).read_bytes()).hexdigest() == done.md5
    worker.send(place.job(place.root / "not there.jp2", attempt=2))
    failed = await place.said(worker, NotConverted, [])
    assert (failed.image_id, failed.attempt) == (7, 2)
    assert list(worker.messages()) == [] and worker.exit_code is None
    place.host.scratch.remove_attempt(7, 1)
    await wait_until_async(lambda: not Path(done.scratch_path).exists(), "the removal", asyncio.sleep)
    assert place.host.scratch.removal_problem() is None
    place.host.dismiss(worker)


async def test_a_worker_that_is_killed_wakes_the_loop_and_what_is_sent_to_it_is_lost(place: Place) -> None:
    worker = await place.ready()
    await wait_until_async(lambda: place.host.rss_bytes(worker) > 1 << 20, "its size", asyncio.sleep)
    assert place.host.activity(worker) is not None
    worker.kill()
    await place.until(lambda: worker.exit_code is not None)
    assert worker.exit_code == -9 and not place.host.was_oom_killed(worker)
    for _ in range(3):
        worker.send(place.job(place.root / "1.jp2"))
    worker.kill()
    assert list(worker.messages()) == []
    assert place.host.rss_bytes(worker) == 0
    place.host.dismiss(worker)
    assert place.host.stuck(WORKER) == 0


async def test_the_last_words_of_a_worker_that_ends_are_heard(place: Place) -> None:
    worker = await place.ready()
    worker.send(place.job(place.root / "not there.jp2"))
    worker.send(Quit())
    await place.until(lambda: worker.exit_code is not None)
    assert worker.exit_code == 0
    assert any(isinstance(message, NotConverted) for message in worker.messages())
    assert worker.close()


async def test_an_uploader_is_told_what_the_ledger_expects_and_stores_what_a_worker_has_made(
    place: Place,
) -> None:
    worker, source = await place.ready(), place.source()
    worker.send(place.job(source))
    done = await place.said(worker, Converted, [])
    uploader = place.host.uploader(KnownStore("0123456789abcdef", 0, ()))
    uploader.send(ProbeStore(KnownStore("0123456789abcdef", 0, ())))
    assert (await place.said(uploader, StoreProbed, [])).fault is None
    target = "b/u/1.jpg"
    uploader.send(StoreRequest(7, done.scratch_path, target, done.jpeg_bytes, done.md5, "", "u", ""))
    stored = await place.said(uploader, Stored, [])
    assert (stored.image_id, stored.existed) == (7, False)
    assert hashlib.md5((place.root / "out" / target).read_bytes()).hexdigest() == done.md5
    for child in (worker, uploader):
        place.host.dismiss(child)


async def test_a_host_has_memory_cores_and_scratch_that_can_be_written(place: Place) -> None:
    host = place.host
    memory = host.memory()
    assert 0 < memory.available_bytes <= memory.total_bytes and host.cores > 0 and host.lost is None
    assert host.scratch.make_directory() is None
    assert await place.space_problem() is None
    assert host.scratch.in_memory in (True, False)


async def test_whether_there_is_room_on_scratch_is_as_it_is_now_and_not_as_it_was_when_last_asked(
    place: Place,
) -> None:
    assert await place.space_problem() is None
    own = place.host.scratch.jpeg_path(7, 1).parent
    for path in own.iterdir():
        path.unlink()
    own.rmdir()
    own.touch()  # no file can be made in it
    problem = await place.space_problem()
    assert problem is not None and "not a directory" in problem.lower()
    own.unlink()
    assert await place.space_problem() is None
