"""The host's end of the connection through Dask: one worker that only relays, with nothing of ours in its tasks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from engine.hosts.dask_settings import configure, security_of
from engine.hosts.first_contact import make_contact
from engine.hosts.invitations import Invitation
from engine.hosts.wire import TOPIC, Parcel

_inbox: list[Callable[[bytes], None]] = []


def deliver(data: bytes) -> None:
    """The one task that the engine submits; it runs in a thread of the worker, and returns nothing."""
    for take in _inbox:
        take(data)


class Relay:
    """A connection, while `async with` lasts. `take` gets the engine's parcels, in the loop."""

    def __init__(self, invitation: Invitation, incarnation: str, take: Callable[[Parcel], None]) -> None:
        self._invitation = invitation
        self._incarnation = incarnation
        self._take = take
        self._worker: Any = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Relay:
        """Raises OSError or TimeoutError if nothing answers, UserError if this invitation does not let it in."""
        configure()
        await make_contact(self._invitation)
        from distributed import Worker

        loop = asyncio.get_running_loop()
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="photostat-host-"))
        self._worker = await self._stack.enter_async_context(
            Worker(
                self._invitation.address,
                nthreads=1,
                name=f"{self._invitation.name}-{self._incarnation}",
                memory_limit=0,
                dashboard=False,
                dashboard_address="127.0.0.1:0",  # it opens a port all the same
                local_directory=directory,
                security=security_of(self._invitation.credentials),
                death_timeout=15,
            )
        )

        def take(data: bytes) -> None:
            loop.call_soon_threadsafe(self._take, Parcel.unpacked(data))

        _inbox[:] = [take]
        return self

    async def __aexit__(self, *_: object) -> None:
        _inbox.clear()
        await self._stack.aclose()

    @property
    def address(self) -> str:
        address: str = self._worker.address
        return address

    @property
    def is_connected(self) -> bool:
        from distributed.core import Status

        return bool(self._worker.status is Status.running)

    def send(self, parcel: Parcel) -> None:
        self._worker.log_event(TOPIC, parcel.packed())
