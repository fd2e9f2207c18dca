"""The engine's end of the connection through Dask: its scheduler, its client, and the hosts that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from engine.failures import UserError
from engine.hosts.children import Children, Journal
from engine.hosts.dask_settings import configure, security_of
from engine.hosts.invitations import Credentials
from engine.hosts.libraries import difference, libraries
from engine.hosts.relay import deliver
from engine.hosts.remote import RemoteHost
from engine.hosts.scheduler import Listening, NotListening, TurnedAway, scheduler_main
from engine.hosts.wire import PING_EVERY_S, TOPIC, Greet, Hello, LetGo, Parcel, Ping, Refuse
from engine.ledger.states import EventKind
from engine.processes.child import Child

SCHEDULER = "photostat-scheduler"
_LISTENS_WITHIN_S = 60.0
_CLOSES_WITHIN_S = 5.0
_OPENS_AGAIN_AFTER_S = 10.0
_MOST_TOLD = 1000


class Cluster:
    def __init__(
        self,
        listen: str,
        credentials: Credentials,
        greet: Callable[[], Greet | None],
        children: Children,
        events: Journal,
        wake: Callable[[], None],
    ) -> None:
        """`greet` is what a host that joins is told; None as long as none can join: it asks again."""
        self._listen = listen
        self._credentials = credentials
        self._greet = greet
        self._children = children
        self._events = events
        self._wake = wake
        self._scheduler: Child | None = None
        self._client: Any = None
        self._hosts: dict[str, RemoteHost] = {}
        """By their incarnation."""
        self._arrived: list[RemoteHost] = []
        self._told: set[tuple[str, str]] = set()
        """What was refused, and why: told once."""
        self._refused: set[str] = set()
        self._pinged_at = 0.0
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises UserError if nobody can connect there."""
        configure()
        from distributed import Client

        self._scheduler = self._children.start(SCHEDULER, scheduler_main, self._listen, self._credentials)
        address = await self._address(self._scheduler)
        self._client = await Client(
            address,
            asynchronous=True,
            security=security_of(self._credentials),
            direct_to_workers=False,
            name="photostat-engine",
            set_as_default=False,
        )
        self._client.subscribe_topic(TOPIC, self._on_event)
        self._client.subscribe_topic("all", self._on_membership)

    async def _address(self, scheduler: Child) -> str:
        deadline = time.monotonic() + _LISTENS_WITHIN_S
        while time.monotonic() < deadline:
            for message in scheduler.messages():
                match message:
                    case Listening():
                        port = message.address.rpartition(":")[2]
                        return f"tls://127.0.0.1:{port}" if "0.0.0.0" in self._listen else message.address
                    case NotListening():
                        raise UserError(f'[cluster] listen = "{self._listen}": {message.why}')
            if scheduler.exit_code is not None:
                break
            await asyncio.sleep(0.05)
        raise UserError(f'[cluster] listen = "{self._listen}": the scheduler does not start; see logs/')

    def arrivals(self) -> Iterator[RemoteHost]:
        """Hosts that have joined since the last call."""
        arrived, self._arrived = self._arrived, []
        yield from arrived

    def look(self, now: float) -> None:
        """At every turn of the loop: who is silent is lost, and so are all if the scheduler has ended."""
        scheduler = self._scheduler if self._client is not None else None  # else it is being started
        has_ended = scheduler is not None and scheduler.exit_code is not None
        for incarnation, host in list(self._hosts.items()):
            if has_ended and host.lost is None:
                host.lost = "the connection is lost: the engine's scheduler has ended"
            host.look(now)
            if host.lost is not None:
                del self._hosts[incarnation]
                if not has_ended:
                    self._send(host, Parcel(incarnation, host.next_number(), (LetGo(),)))
        if scheduler is not None:
            self._hear_of_strangers(scheduler)
        if has_ended:
            self._begin_anew()
        if now - self._pinged_at >= PING_EVERY_S:
            self._pinged_at = now
            for host in self._hosts.values():
                host.post(Ping())

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
        await self._close_client()
        if self._scheduler is not None:
            self._children.dismiss(self._scheduler, after_s=_CLOSES_WITHIN_S)
            self._scheduler = None

    async def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(client.close(), _CLOSES_WITHIN_S)

    def _hear_of_strangers(self, scheduler: Child) -> None:
        for message in scheduler.messages():
            if isinstance(message, TurnedAway):
                where = message.address.rpartition(":")[0]
                self._tell(f"who connects from {where}", message.why)

    def _begin_anew(self) -> None:
        """A client whose scheduler has ended is of no use any more."""
        assert self._scheduler is not None
        self._events.warning(
            EventKind.ENGINE, "the scheduler has ended; a new one takes over", pid=self._scheduler.pid
        )
        self._children.dismiss(self._scheduler)
        self._scheduler = None
        self._opening = asyncio.create_task(self._reopen())

    async def _reopen(self) -> None:
        await self._close_client()
        while True:
            try:
                await self.open()
                return
            except (UserError, OSError, TimeoutError) as error:
                self._tell("no host", str(error))
            if self._scheduler is not None:
                self._children.dismiss(self._scheduler)
                self._scheduler = None
            await asyncio.sleep(_OPENS_AGAIN_AFTER_S)

    # -- from hosts ----

    def _on_membership(self, event: tuple[float, Any]) -> None:
        """What the scheduler has to say; one that is gone is never let in under its old address again."""
        match event[1]:
            case {"action": "remove-worker", "worker": address}:
                for host in self._hosts.values():
                    if host.hello.address == address:
                        host.lost = host.lost or "the connection is lost"
                        self._wake()

    def _on_event(self, event: tuple[float, bytes]) -> None:
        parcel = Parcel.unpacked(event[1])
        host = self._hosts.get(parcel.incarnation)
        match parcel.messages:
            case (Hello() as hello,):
                if host is None and parcel.incarnation not in self._refused:
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
                del self._hosts[parcel.incarnation]

    def _take_hello(self, hello: Hello, incarnation: str) -> None:
        former = next((host for host in self._hosts.values() if host.name == hello.name), None)
        if former is not None:  # it says hello again
            if former.is_silent(time.monotonic()):
                former.lost = former.lost or "it has connected anew"
                self._wake()
            elif former.lost is None:
                self._tell(
                    hello.name, "another host of this name is there already: invite each by its own name"
                )
            return
        host = RemoteHost(hello, incarnation, lambda parcel: self._send(host, parcel), self._wake)
        if why := difference(libraries(), hello.libraries):
            self._refused.add(incarnation)
            self._tell(hello.name, why)
            host.post(Refuse(why))
        elif (greeting := self._greet()) is not None:
            self._hosts[incarnation] = host
            host.post(greeting)
        host.flush()

    def _tell(self, name: str, why: str) -> None:
        if len(self._told) > _MOST_TOLD:
            self._told.clear()
        if (name, why) not in self._told:
            self._told.add((name, why))
            self._events.warning(EventKind.ENGINE, f"{name} cannot join: {why}")

    def _send(self, host: RemoteHost, parcel: Parcel) -> None:
        from distributed import fire_and_forget

        if self._client is None:
            return
        future = self._client.submit(
            deliver,
            parcel.packed(),
            key=f"{TOPIC}-{parcel.incarnation}-{parcel.number}",
            workers=[host.hello.address],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )
        fire_and_forget(future)
