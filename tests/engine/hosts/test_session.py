"""Whom an engine lets in, and whom a host believes."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import pytest
from msgspec import structs

from engine.config import StoreSettings
from engine.conversion.specimens import Conversions
from engine.failures import Stage
from engine.hosts.children import Children
from engine.hosts.host_scratch import conflict
from engine.hosts.libraries import difference, libraries
from engine.hosts.remote import RemoteHost
from engine.hosts.session import Session
from engine.hosts.wire import (
    SILENT_AFTER_S,
    Greet,
    Hello,
    Joined,
    Parcel,
    Ping,
    RemoveFile,
    Said,
    Sample,
)
from engine.memory.available import Memory
from engine.messages import StageChanged, WorkerReady
from engine.supervisor.loop import _TICK_S
from tests.support.fake_hosts import FakeChild
from tests.support.specimens import specimens
from tests.support.waiting import wait_until_async

HELLO = Hello("b", "tls://b:1", (), 2, 2, Memory(8 << 30, 7 << 30))


async def greeted(root: Path, specimens: Conversions) -> Joined:
    """What a host says to the greeting of an engine on whose machine this comes of the specimens."""
    sent: list[Parcel] = []
    children = Children(root / "host.children", Mock(), asyncio.Event())
    session = Session("ab" * 16, "b", children, root / "scratch", sent.append)
    greet = Greet(StoreSettings(), root, "identity", "0123456789abcdef", specimens)
    session.take(Parcel("cd" * 16, 0, (greet,)))
    assert not session.greeted, "it was meant for an earlier connection"
    session.take(Parcel("ab" * 16, 0, (greet,)))

    def said() -> list[Joined]:
        session.work(time.monotonic())
        return [message for parcel in sent for message in parcel.messages if isinstance(message, Joined)]

    (joined,) = await wait_until_async(said, "the answer", asyncio.sleep)
    await session.end()
    assert (session.refused, session.has_joined) == (joined.problem, joined.problem is None)
    return joined


async def test_a_host_joins_if_it_makes_the_bytes_that_the_engine_makes(tmp_path: Path) -> None:
    ours = specimens()
    joined = await greeted(tmp_path, ours)
    assert (joined.problem, joined.unable) == (None, None)
    joined = await greeted(
        tmp_path, structs.replace(ours, md5s=(*ours.md5s[:-1], (ours.md5s[-1][0], "0" * 32)))
    )
    assert joined.problem is not None and joined.problem.startswith("same versions, other bytes: photostat ")
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


def test_the_store_and_the_sources_are_no_scratch_of_a_host(tmp_path: Path) -> None:
    share, store = tmp_path / "share", tmp_path / "store"
    share.mkdir()
    (tmp_path / "link").symlink_to(share)
    sources = [str(share / "a" / "1.jp2")]
    for scratch in (store, store / "below"):
        assert "this is the store, or inside it" in str(conflict(scratch, store, sources))
    for scratch in (share, share / "a", tmp_path / "link"):
        assert f"there are sources in it, like {sources[0]}" in str(conflict(scratch, store, sources))
    for scratch in (tmp_path / "scratch", share / "ab", tmp_path / "store2"):
        assert conflict(scratch, store, sources) is None


async def test_a_host_without_a_codec_joins_and_says_that_it_is_unable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyvips'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    joined = await greeted(tmp_path, specimens())
    assert joined.problem is None
    assert joined.unable is not None and joined.unable.startswith("nothing can be converted here: ")


def test_other_versions_of_what_makes_the_bytes_are_named() -> None:
    ours = libraries()
    assert difference(ours, ours) is None
    theirs = tuple((name, "0.1" if name == "pyvips-binary" else number) for name, number in ours)
    told = difference(ours, theirs)
    assert told is not None and told.startswith("pyvips-binary 0.1 is there, and ")


def test_a_silent_host_is_lost_and_a_suspended_engine_loses_none() -> None:
    host = RemoteHost(HELLO, "ab" * 16, Mock(), Mock())
    sample = Sample(time.time(), HELLO.memory, (), (), 0, None, None)
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


def test_a_host_that_is_heard_no_more_is_lost_at_the_first_turn_after_fifteen_seconds() -> None:
    assert SILENT_AFTER_S <= 15.0
    host = RemoteHost(HELLO, "ab" * 16, Mock(), Mock())
    began = now = host._heard_at
    host.take(Parcel("ab" * 16, 0, ()))
    while host.lost is None:
        assert now - began <= SILENT_AFTER_S, "it is looked at in every turn, and there is one in every tick"
        now += _TICK_S
        host.look(now)
    assert now - began > SILENT_AFTER_S, "it was to be given that long"


def test_a_host_that_is_there_is_heard_long_before_it_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Parcel] = []
    session = Session("ab" * 16, "b", Mock(), Path("/scratch"), sent.append)
    session._host = Mock()
    monkeypatch.setattr(session, "_sample", lambda: Sample(0.0, HELLO.memory, (), (), 0, None, None))
    began = now = session._heard_at
    heard = [began]
    while now - began < SILENT_AFTER_S - 1.0:
        now += 0.1
        before = len(sent)
        session.work(now)
        heard += [now] * (len(sent) > before)
    assert max(after - one for one, after in pairwise([*heard, now])) < SILENT_AFTER_S / 5


def test_a_host_has_news_once_for_all_that_it_has_said() -> None:
    host = RemoteHost(HELLO, "ab" * 16, Mock(), Mock())
    assert not host.has_news()
    for number in range(3):
        host.take(Parcel("ab" * 16, number, ()))
    assert host.has_news()
    assert not host.has_news()
    host.lost = "the connection is lost"
    assert host.has_news()


def test_what_can_wait_goes_with_the_next_that_cannot() -> None:
    send = Mock()
    host = RemoteHost(HELLO, "ab" * 16, send, Mock())
    remove = RemoveFile(Path("/scratch/1-1-1.jpg"))
    host.post(remove)
    host.flush()
    send.assert_not_called()
    host.post(Ping())
    host.flush()
    assert [call.args[0].messages for call in send.call_args_list] == [(remove, Ping())]


def test_a_stage_is_told_with_the_next_that_cannot_wait(tmp_path: Path) -> None:
    send, child = Mock(), FakeChild("photostat-worker-1", 4711)
    session = Session("ab" * 16, "b", Mock(), tmp_path, send)
    session._children[1] = child
    stage = StageChanged(7, Stage.DECODING)
    child.says.append(stage)
    session.work(0.0)
    send.assert_not_called()
    child.says.append(WorkerReady())
    session.work(0.0)
    assert [call.args[0].messages for call in send.call_args_list] == [
        (Said(1, stage), Said(1, WorkerReady()))
    ]


def test_nothing_is_sent_to_a_host_that_was_let_go() -> None:
    send = Mock()
    host = RemoteHost(HELLO, "ab" * 16, send, Mock())
    host.post(Ping())
    host.flush()
    host.lost = "the connection is lost"
    host.post(Ping())
    host.flush()
    assert [call.args[0].number for call in send.call_args_list] == [0]
