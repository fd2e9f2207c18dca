"""Whom an engine lets in, and whom a host believes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import Mock

from engine.config import StoreSettings
from engine.hosts.children import Children
from engine.hosts.libraries import difference, libraries
from engine.hosts.remote import RemoteHost
from engine.hosts.session import Session
from engine.hosts.wire import SILENT_AFTER_S, Greet, Hello, Joined, Parcel, Ping, Sample, SourceCheck
from engine.memory.available import Memory

HELLO = Hello("b", "tls://b:1", (), 2, 2, Memory(8 << 30, 7 << 30))


async def greeted(root: Path, *sources: SourceCheck) -> Joined:
    """What a host says to the greeting of an engine whose surveyor has seen these sources."""
    sent: list[Parcel] = []
    children = Children(root / "host.children", Mock(), asyncio.Event())
    session = Session("ab" * 16, children, root / "scratch", sent.append)
    greet = Greet(StoreSettings(), root, "identity", sources)
    session.take(Parcel("cd" * 16, 0, (greet,)))
    assert not session.greeted, "it was meant for an earlier connection"
    session.take(Parcel("ab" * 16, 0, (greet,)))
    session.work(0.0)
    await session.end()
    return next(message for parcel in sent for message in parcel.messages if isinstance(message, Joined))


async def test_a_host_that_mounts_another_share_says_so_and_works_on_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.jp2").write_bytes(bytes(100))
    here, gone = str(tmp_path / "1.jp2"), str(tmp_path / "2.jp2")
    assert (await greeted(tmp_path)).problem is None
    assert (await greeted(tmp_path, SourceCheck(gone, 5), SourceCheck(here, 100))).problem is None
    problem = (await greeted(tmp_path, SourceCheck(here, 99))).problem
    assert problem is not None and "has 100 bytes here and 99 where the engine is" in problem
    problem = (await greeted(tmp_path, SourceCheck(gone, 5))).problem
    assert problem is not None and problem.endswith("is the share mounted?")


def test_other_versions_of_what_makes_the_bytes_are_named() -> None:
    ours = libraries()
    assert difference(ours, ours) is None
    theirs = tuple((name, "0.1" if name == "pyvips-binary" else number) for name, number in ours)
    told = difference(ours, theirs)
    assert told is not None and told.startswith("pyvips-binary 0.1 is there, and ")


def test_a_silent_host_is_lost_and_a_suspended_engine_loses_none() -> None:
    host = RemoteHost(HELLO, "ab" * 16, Mock(), Mock())
    sample = Sample(HELLO.memory, (), (), 0, None, None)
    now = host._heard_at
    for number in range(20):
        now += 1.0
        host.look(now)
        host.take(Parcel("ab" * 16, number, (sample,)))
    now += 3600.0  # the engine was suspended: it has heard nobody
    host.look(now)
    assert host.lost is None
    while host.lost is None:
        now += 1.0
        host.look(now)
    assert now - host._heard_at > SILENT_AFTER_S and "no sign of life" in host.lost


def test_nothing_is_sent_to_a_host_that_was_let_go() -> None:
    send = Mock()
    host = RemoteHost(HELLO, "ab" * 16, send, Mock())
    host.post(Ping())
    host.flush()
    host.lost = "the connection is lost"
    host.post(Ping())
    host.flush()
    assert [call.args[0].number for call in send.call_args_list] == [0]
