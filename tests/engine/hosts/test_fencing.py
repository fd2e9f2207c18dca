"""A host that was let go is let in anew, as another one, or not at all: what it says in its old name does not count."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import StoreSettings
from engine.hosts import cluster
from engine.hosts.cluster import Cluster
from engine.hosts.latest import Latest
from engine.hosts.libraries import libraries
from engine.hosts.remote import RemoteHost
from engine.hosts.session import Session
from engine.hosts.wire import Greet, Hello, Joined, LetGo, Parcel, Said, Sample
from engine.memory.available import Memory
from engine.messages import WorkerReady

MEMORY = Memory(8 << 30, 7 << 30)
GREET = Greet(StoreSettings(), Path("/ws"), "identity", "owner", Mock())


class Engine:
    """The engine's end of a connection, without Dask: what it sends is kept."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Parcel]] = []
        meeting = Mock(strangers=list, ended=None)
        self.cluster = Cluster(meeting, Mock(), "topic", lambda: GREET, Mock(), lambda: None)
        self.cluster._connection = Mock(is_open=True, answers=0)
        self.cluster._send = lambda host, parcel: self.sent.append((host.hello.address, parcel))  # type: ignore[method-assign]
        self.joined: list[RemoteHost] = []

    def hear(self, incarnation: str, number: int, *messages: object) -> None:
        self.cluster._on_parcel(Parcel(incarnation, number, messages).packed())
        self.joined += self.cluster.arrivals()

    def hello(self, incarnation: str, address: str, name: str = "b") -> None:
        self.hear(incarnation, -1, Hello(name, address, libraries(), 2, 2, MEMORY))

    def join(self, incarnation: str, address: str, name: str = "b") -> None:
        self.hello(incarnation, address, name)
        self.hear(incarnation, 0, Joined(None, Path("/scratch"), False))

    def remove(self, address: str) -> None:
        """Dask says that the connection is gone."""
        self.cluster._on_leaver(address)
        self.cluster.look(time.monotonic())

    def told(self, address: str) -> list[type]:
        return [type(message) for at, parcel in self.sent if at == address for message in parcel.messages]


A, B = "aa" * 16, "bb" * 16


def test_a_host_that_was_let_go_is_not_let_in_again_in_its_old_name_or_at_its_old_address() -> None:
    engine = Engine()
    engine.join(A, "tls://b:1")
    engine.remove("tls://b:1")
    assert engine.joined[0].lost == "the connection is lost"
    engine.join(A, "tls://b:1")  # said before, heard after
    assert len(engine.joined) == 1 and engine.told("tls://b:1").count(Greet) == 1
    engine.sent.clear()
    engine.join(B, "tls://b:1")  # another one, and the scheduler may still speak of the former
    assert len(engine.joined) == 1 and engine.told("tls://b:1") == [LetGo], "it is to connect anew"
    engine.join("cc" * 16, "tls://b:2")
    assert len(engine.joined) == 2 and engine.joined[1].lost is None


def test_a_host_that_comes_and_goes_for_months_takes_no_more_memory_and_its_last_names_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "_MOST_OVER", 20)
    monkeypatch.setattr(cluster, "_MOST_TOLD", 20)
    engine = Engine()
    for number in range(60):
        engine.join(f"{number:032x}", f"tls://b:{number}")
        engine.hello(f"{number + 1000:032x}", f"tls://b:{number + 1000}")  # another with the same invitation
        engine.remove(f"tls://b:{number}")
    sizes = [len(kept) for kept in vars(engine.cluster).values() if isinstance(kept, dict | set | Latest)]
    assert max(sizes) <= 21 and 20 in sizes, "of what it keeps, nothing has grown with the 60"
    for number in range(55, 60):
        engine.join(f"{number:032x}", f"tls://b:{number}")
    assert len(engine.joined) == 60


def test_what_is_said_in_the_name_of_a_host_that_was_let_go_is_not_heard() -> None:
    engine = Engine()
    engine.join(A, "tls://b:1")
    (host,) = engine.joined
    child = host.hire("photostat-worker-1")
    engine.hear(A, 1, Said(child.number, WorkerReady()))
    assert list(child.messages()) == [WorkerReady()]
    engine.remove("tls://b:1")
    engine.join(B, "tls://b:2")
    engine.hear(A, 2, Said(child.number, WorkerReady()))
    other = engine.joined[1].hire("photostat-worker-1")
    assert other.number == child.number, "only the incarnation tells them apart"
    assert list(child.messages()) == [] == list(other.messages())


def test_a_host_that_says_hello_while_the_engine_connects_is_greeted_when_it_can_be() -> None:
    """Its greeting would be lost, and it would wait for that with all that comes after it."""
    engine = Engine()
    connection, engine.cluster._connection = engine.cluster._connection, None
    engine.hello(A, "tls://b:1")
    assert engine.sent == [] and not engine.cluster._hosts
    engine.cluster._connection = connection
    engine.hello(A, "tls://b:1")
    assert engine.told("tls://b:1") == [Greet]


def test_a_host_that_never_heard_its_greeting_or_that_it_was_let_go_connects_anew() -> None:
    engine = Engine()
    engine.hello(A, "tls://b:1")
    engine.remove("tls://b:1")
    engine.sent.clear()
    engine.hello(A, "tls://b:1")
    ((_, parcel),) = engine.sent
    assert parcel.messages == (LetGo(),)
    for late in (parcel, Parcel(A, 9, (LetGo(),))):  # in its turn, or after something that was lost
        session = Session(A, "b", Mock(), Path("/scratch"), Mock())
        session.take(late)
        assert session.is_over


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("hjsrl"), st.integers(0, 5)), max_size=40))
def test_at_every_moment_one_incarnation_of_a_host_is_there_and_only_that_is_heard(
    steps: list[tuple[str, int]],
) -> None:
    engine = Engine()
    incarnations = [f"{number:02x}" * 16 for number in range(6)]
    numbers = dict.fromkeys(incarnations, 1)
    for what, which in steps:
        incarnation, address = incarnations[which], f"tls://h:{which // 2}"  # some have the same
        match what:
            case "h":
                engine.hello(incarnation, address)
            case "j":
                engine.hear(incarnation, 0, Joined(None, Path("/scratch"), False))
            case "s":
                before = {host: host._latest for host in engine.joined if host.lost is not None}
                engine.hear(incarnation, numbers[incarnation], Sample(0.0, MEMORY, (), (), 0, None, None))
                numbers[incarnation] += 1
                assert before == {host: host._latest for host in before}, "a lost host was heard"
            case "r":
                engine.remove(address)
            case "l":
                for host in engine.joined:
                    host.lost = host.lost or "silent"
                engine.cluster.look(time.monotonic())
        there = [host for host in engine.cluster._hosts.values() if host.lost is None]
        assert len(there) <= 1
        assert len({host.incarnation for host in engine.joined}) == len(engine.joined)
        addresses = [host.hello.address for host in engine.joined]
        assert len(set(addresses)) == len(addresses), "an address was accepted again"


@pytest.mark.parametrize("number", [0, 7])
def test_a_parcel_of_an_unknown_host_is_nothing(number: int) -> None:
    engine = Engine()
    engine.hear(A, number, Said(1, WorkerReady()))
    assert engine.joined == [] and engine.sent == []
