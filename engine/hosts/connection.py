"""A connection through Dask: the engine and its hosts are clients of one scheduler, and tell each other events.

Nothing of ours is a task and no host is a Dask worker, so no host has an open port, and a scheduler that others use too
neither gives our hosts their work nor ours to their workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable
from typing import Any

from engine.hosts.dask_settings import configure, security_of
from engine.hosts.invitations import Credentials

_CLOSES_WITHIN_S = 5.0
_ANSWERS_WITHIN_S = 15.0
_ECHO_WITHIN_S = 0.2
_ECHO = b""
_MEMBERSHIP = "all"
"""The topic on which a scheduler tells who comes and goes."""


class Connection:
    """Open while `async with` lasts, unless it is lost; a lost one does not come back."""

    def __init__(self, address: str, credentials: Credentials, name: str) -> None:
        """`address` is the scheduler's; with `name` its log names this client."""
        self._address = address
        self._credentials = credentials
        self._name = name
        self._client: Any = None
        self._stream: Any = None
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._sending: asyncio.Task[None] | None = None
        self.answers = 0
        """How many messages the scheduler has taken."""

    async def open(self) -> None:
        """Raises OSError or TimeoutError if nothing answers there that knows these credentials."""
        configure()
        from distributed import Client
        from distributed.versions import VersionMismatchWarning

        warnings.simplefilter("ignore", VersionMismatchWarning)  # of Dask workers that are none of ours
        self._client = Client(
            self._address,
            asynchronous=True,
            security=security_of(self._credentials),
            direct_to_workers=False,
            name=self._name,
            set_as_default=False,
        )
        try:
            await self._client
        except ImportError as error:
            raise OSError(f"it has another version of Dask: {error}") from error
        finally:
            if self._client.status != "running":
                await self.close()
        self._stream = self._client.scheduler_comm
        for topic in ("print", "warn"):  # what others' tasks say
            self._client.unsubscribe_topic(topic)
        self._sending = asyncio.create_task(self._send_all(self._client.scheduler))

    async def __aenter__(self) -> Connection:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """What was sent before is still sent, if that takes no longer than a moment."""
        client, self._client = self._client, None
        if client is None:
            return
        sending, self._sending = self._sending, None
        with contextlib.suppress(TimeoutError, OSError):
            if sending is not None and client.status == "running":
                await asyncio.wait_for(self._outbox.join(), _CLOSES_WITHIN_S)
        if sending is not None:
            sending.cancel()
        with contextlib.suppress(TimeoutError, OSError):
            await asyncio.wait_for(client.close(), _CLOSES_WITHIN_S)

    @property
    def identity(self) -> str:
        """As the scheduler knows this client."""
        identity: str = self._client.id
        return identity

    @property
    def is_open(self) -> bool:
        """Dask connects a client again, but the scheduler then knows nothing of its topics."""
        client = self._client
        return client is not None and client.status == "running" and client.scheduler_comm is self._stream

    def send(self, topic: str, data: bytes) -> None:
        """To all who listen to this topic; never waits. What is sent over a lost connection is lost."""
        self._outbox.put_nowait((topic, data))

    async def listen(self, topic: str, take: Callable[[bytes], None]) -> None:
        """Have `take` called with all that is sent to this topic from when this returns.

        The scheduler takes note of it at its own time and does not say when: it has when what is sent comes back.
        Raises OSError or TimeoutError if it does not."""
        heard = asyncio.Event()

        def sort(data: bytes) -> None:
            if data == _ECHO:
                heard.set()
            else:
                take(data)

        self._client.subscribe_topic(topic, lambda event: sort(event[1]))
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            while not heard.is_set():
                await self._client.scheduler.log_event(topic=topic, msg=_ECHO)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), _ECHO_WITHIN_S)

    def listen_for_leavers(self, gone: Callable[[str], None]) -> None:
        """Have `gone` called with the identity of each client whose connection has ended."""

        def take(message: Any) -> None:
            match message:
                case {"action": "remove-client", "client": str() as identity}:
                    gone(identity)

        self._client.subscribe_topic(_MEMBERSHIP, lambda event: take(event[1]))

    async def _send_all(self, scheduler: Any) -> None:
        while True:
            topic, data = await self._outbox.get()
            try:
                with contextlib.suppress(OSError):  # the connection is lost
                    await scheduler.log_event(topic=topic, msg=data)
                    self.answers += 1
            finally:
                self._outbox.task_done()
