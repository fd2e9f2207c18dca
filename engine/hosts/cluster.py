"""The engine's end of the connection through Dask: the hosts that come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from engine.failures import UserError
from engine.hosts.children import Journal
from engine.hosts.connection import Connection
from engine.hosts.invitations import Credentials
from engine.hosts.latest import Latest
from engine.hosts.libraries import difference, libraries
from engine.hosts.meeting import Meeting
from engine.hosts.remote import RemoteHost
from engine.hosts.silence import Silence
from engine.hosts.wire import (
    PING_EVERY_S,
    SILENT_AFTER_S,
    Greet,
    Hello,
    LetGo,
    Parcel,
    Ping,
    topic_of_host,
)
from engine.ledger.states import EventKind

_OPENS_AGAIN_AFTER_S = 10.0
_DOUBLE_AFTER_S = 6.0
"""A host that lost its connection is silent by then (RemoteHost.is_silent)."""
_DOUBLE = "another host is there already with this invitation: invite each machine by a name of its own"
_MOST_TOLD = 1000
_MOST_OVER = 20_000
"""Far more than come in the seconds in which something that was said may be under way."""


class Cluster:
    def __init__(
        self,
        meeting: Meeting,
        credentials: Credentials,
        topic: str,
        greet: Callable[[], Greet | None],
        events: Journal,
        wake: Callable[[], None],
    ) -> None:
        """`topic` is the one on which this engine's hosts speak; `greet` is what a host that joins is told, None as
        long as none can join: it asks again."""
        self._meeting = meeting
        self._credentials = credentials
        self._topic = topic
        self._greet = greet
        self._events = events
        self._wake = wake
        self._connection: Connection | None = None
        self._hosts: dict[str, RemoteHost] = {}
        """By their incarnation."""
        self._arrived: list[RemoteHost] = []
        self._told: set[tuple[str, str]] = set()
        """What was refused, and why: told once."""
        self._over = Latest(_MOST_OVER)
        """Incarnations that were refused or let go, and their addresses. What is said in their names may arrive late,
        and what the scheduler says of an address may be about the former one: none is let in again."""
        self._doubles: dict[str, float] = {}
        """When somebody said hello under the name of a host that is there, monotonic, s; by their incarnation."""
        self._pinged_at = 0.0
        self._silence = Silence(time.monotonic())
        """Of the scheduler."""
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises UserError if nobody can connect there, and that is for this engine to see to."""
        if self._meeting.starts_with_the_engine:
            await self._open()
        else:
            self._opening = asyncio.create_task(self._reopen())

    async def _open(self) -> None:
        """Raises UserError, OSError or TimeoutError."""
        address = await self._meeting.open()
        connection = Connection(address, self._credentials, "photostat-engine")
        await connection.open()
        try:
            await connection.listen(self._topic, self._on_parcel)
        except BaseException:
            await connection.close()
            raise
        connection.listen_for_leavers(self._on_leaver)
        self._connection, self._silence = connection, Silence(time.monotonic())

    def arrivals(self) -> Iterator[RemoteHost]:
        """Hosts that have joined since the last call."""
        arrived, self._arrived = self._arrived, []
        yield from arrived

    def look(self, now: float) -> None:
        """At every turn of the loop: who is silent is lost, and so are all if the connection is."""
        has_ended = self._why_nobody_is_heard(now)
        for incarnation, host in list(self._hosts.items()):
            if has_ended is not None and host.lost is None:
                host.lost = f"the connection is lost: {has_ended}"
            host.look(now)
            if host.lost is not None:
                self._end(host)
                if has_ended is None:
                    self._send(host, Parcel(incarnation, host.next_number(), (LetGo(),)))
        for where, why in self._meeting.strangers():
            self._tell(f"who connects from {where}", why)
        if has_ended is not None:
            self._begin_anew(has_ended)
        if now - self._pinged_at >= PING_EVERY_S:
            self._pinged_at = now
            if self._connection is not None:  # so that the scheduler always has something to answer
                self._connection.send(self._topic, Parcel("", 0, (Ping(),)).packed())
            for host in self._hosts.values():
                host.post(Ping())

    def _why_nobody_is_heard(self, now: float) -> str | None:
        """None also while the connection is being opened."""
        if self._connection is None:
            return None
        if (why := self._meeting.ended) is not None:
            return why
        is_silent = self._silence.look(now, self._connection.answers) > SILENT_AFTER_S
        return "the scheduler does not answer any more" if is_silent or not self._connection.is_open else None

    def flush(self) -> None:
        """At the end of every turn: send what it has brought about."""
        for host in self._hosts.values():
            host.flush()

    async def close(self) -> None:
        """Let all hosts go; they end their children."""
        for host in self._hosts.values():
            host.post(LetGo())
        self.flush()
        if self._opening is not None:
            self._opening.cancel()
        await self._disconnect()
        self._meeting.close()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _begin_anew(self, why: str) -> None:
        """A client whose scheduler has ended is of no use any more."""
        self._events.warning(EventKind.ENGINE, f"{why}; hosts join again as soon as there is one")
        lost, self._connection = self._connection, None
        self._opening = asyncio.create_task(self._reopen(lost))

    async def _reopen(self, lost: Connection | None = None) -> None:
        if lost is not None:
            self._meeting.close(at_once=True)
            await lost.close()
        while True:
            try:
                await self._open()
                return
            except (UserError, OSError, TimeoutError) as error:
                self._tell("hosts", str(error))
            self._meeting.close()
            await asyncio.sleep(_OPENS_AGAIN_AFTER_S)

    # -- from hosts ----

    def _on_leaver(self, identity: str) -> None:
        """A client of the scheduler is gone; if it was a host, it is let in again only as another incarnation."""
        for host in self._hosts.values():
            if host.hello.address == identity:
                host.lost = host.lost or "the connection is lost"
                self._wake()

    def _on_parcel(self, data: bytes) -> None:
        if self._connection is None:
            return  # it is being opened, and nobody could be answered: who says hello does so again
        parcel = Parcel.unpacked(data)
        host = self._hosts.get(parcel.incarnation)
        match parcel.messages:
            case (Hello() as hello,):
                if host is None:
                    self._take_hello(hello, parcel.incarnation)
                return
        if host is None:
            return  # it was let go
        had_joined = host.joined is not None
        host.take(parcel)
        if host.joined is not None and not had_joined:
            if host.joined.problem is None:
                self._arrived.append(host)
                self._told = {told for told in self._told if told[0] != host.name}
            else:
                self._tell(host.name, host.joined.problem)
                self._end(host)

    def _end(self, host: RemoteHost) -> None:
        """Nothing that is still said in its name counts."""
        self._hosts.pop(host.incarnation, None)
        self._over.add(host.incarnation, host.hello.address)
        self._doubles.pop(host.incarnation, None)

    def _take_hello(self, hello: Hello, incarnation: str) -> None:
        former = next((host for host in self._hosts.values() if host.name == hello.name), None)
        host = RemoteHost(hello, incarnation, lambda parcel: self._send(host, parcel), self._wake)
        if hello.address in self._over or incarnation in self._over:
            self._over.add(incarnation)
            host.post(LetGo())  # it connects anew, as another client
        elif former is not None:  # it says hello again
            if former.is_silent(time.monotonic()):
                former.lost = former.lost or "it has connected anew"
                self._wake()
            elif former.lost is None and self._is_a_double(incarnation):
                self._refuse(host, _DOUBLE)
        elif why := difference(libraries(), hello.libraries):
            self._refuse(host, why)
        elif (greeting := self._greet()) is not None:
            self._hosts[incarnation] = host
            host.post(greeting)
        host.flush()

    def _is_a_double(self, incarnation: str) -> bool:
        """Whether it has been saying hello for so long that the former one of its name, which is heard, is another."""
        now = time.monotonic()
        if len(self._doubles) > _MOST_TOLD:
            self._doubles.clear()
        return now - self._doubles.setdefault(incarnation, now) > _DOUBLE_AFTER_S

    def _refuse(self, host: RemoteHost, why: str) -> None:
        self._end(host)
        self._tell(host.name, why)
        host.refuse(why)

    def _tell(self, name: str, why: str) -> None:
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        if (name, why) not in self._told:
            self._told.add((name, why))
            self._events.warning(EventKind.ENGINE, f"{name} cannot join: {why}")

    def _send(self, host: RemoteHost, parcel: Parcel) -> None:
        if self._connection is not None:
            self._connection.send(topic_of_host(self._topic, host.name), parcel.packed())
