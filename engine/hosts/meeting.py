"""The scheduler at which the engine and its hosts meet: the engine's own, or that of a Dask cluster which exists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Protocol

from engine.failures import UserError
from engine.hosts.children import Children
from engine.hosts.invitations import Credentials
from engine.hosts.scheduler import Listening, NotListening, TurnedAway, scheduler_main
from engine.processes.child import Child

SCHEDULER = "photostat-scheduler"
_LISTENS_WITHIN_S = 60.0
_CLOSES_WITHIN_S = 5.0


class Meeting(Protocol):
    starts_with_the_engine: bool
    """Whether an engine whose hosts cannot meet it there is not to start."""

    async def open(self) -> str:
        """The address to connect to. Raises UserError if there is none."""

    @property
    def ended(self) -> str | None:
        """Why nobody can meet there any more, as far as is known without asking; None if it is there."""

    def strangers(self) -> Iterator[tuple[str, str]]:
        """From where somebody has connected without an invitation that holds, and why not, since the last call."""

    def close(self, *, at_once: bool = False) -> None: ...


class OwnScheduler:
    """See Meeting. A process beside the engine."""

    starts_with_the_engine = True

    def __init__(self, listen: str, credentials: Credentials, children: Children) -> None:
        self._listen = listen
        self._credentials = credentials
        self._children = children
        self._process: Child | None = None
        self._is_open = False

    async def open(self) -> str:
        self.close(at_once=True)  # one that does not answer would keep the port
        process = self._children.start(SCHEDULER, scheduler_main, self._listen, self._credentials)
        self._process = process
        deadline = time.monotonic() + _LISTENS_WITHIN_S
        while time.monotonic() < deadline:
            for message in process.messages():
                match message:
                    case Listening():
                        self._is_open = True
                        port = message.address.rpartition(":")[2]
                        return f"tls://127.0.0.1:{port}" if "0.0.0.0" in self._listen else message.address
                    case NotListening():
                        raise UserError(f'[cluster] listen = "{self._listen}": {message.why}')
            if process.exit_code is not None:
                break
            await asyncio.sleep(0.05)
        raise UserError(f'[cluster] listen = "{self._listen}": the scheduler does not start; see logs/')

    @property
    def ended(self) -> str | None:
        if self._process is None or self._process.exit_code is None:
            return None
        return "the scheduler has ended"

    def strangers(self) -> Iterator[tuple[str, str]]:
        for message in self._process.messages() if self._process is not None and self._is_open else ():
            if isinstance(message, TurnedAway):
                yield message.address.rpartition(":")[0], message.why

    def close(self, *, at_once: bool = False) -> None:
        process, self._process, self._is_open = self._process, None, False
        if process is not None:
            is_over = at_once or process.exit_code is not None
            self._children.dismiss(process, after_s=0.0 if is_over else _CLOSES_WITHIN_S)


class ExistingScheduler:
    """See Meeting. It comes and goes as others decide."""

    starts_with_the_engine = False
    ended = None

    def __init__(self, address: str) -> None:
        self._address = address

    async def open(self) -> str:
        return self._address

    def strangers(self) -> Iterator[tuple[str, str]]:
        """They are others' to see."""
        yield from ()

    def close(self, *, at_once: bool = False) -> None:
        """It is not ours."""
