"""Typed keys, one at a time: the next is looked at when all that the last one began is on the screen.

A terminal delivers what was typed on a stalled connection in one piece. Textual would hand all of it to the widget
that has the keys now, although the first key may open a line to type in, a question or another page."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

from textual.events import Event, Key
from textual.message_pump import MessagePump

from tui.actions.registry import is_done_at_once

_LOOK_EVERY_S = 0.01
_QUESTION_S = 10.0
"""A question must be on the screen by then, or it is not asked."""
_READ_S = 3.0
"""So long a key waits for what the screen is about; then it is done, or refused by the screen."""
_MOST_ROUNDS = 50


class KeyTaker(Protocol):
    """What the keys need of the app."""

    async def take_key(self, event: Event) -> None:
        """Give the key to whoever has the keys now."""

    def pumps(self) -> list[MessagePump]:
        """Who may have to do with a key: the widget that has the keys, what it is in, and the app."""

    def is_leaving(self) -> bool: ...

    def is_preparing_a_question(self) -> bool: ...

    def give_up_question(self) -> None:
        """Do not ask it; say so."""

    def what_is_read(self, event: Event) -> tuple[object, bool]:
        """The page in sight, and whether it has read what this key is about."""

    def fail(self, error: Exception) -> None: ...


class TypedKeys:
    def __init__(self, app: KeyTaker) -> None:
        self._app = app
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._busy = False
        self._slow: object = None
        """The page that was not read in time: it is not waited for again."""

    @property
    def are_done(self) -> bool:
        return not self._waiting and not self._busy

    def add(self, event: Event) -> None:
        self._waiting.append(event)
        self._arrived.set()

    async def work(self) -> None:
        """Runs as long as the app."""
        try:
            while not self._app.is_leaving():
                await self._arrived.wait()
                self._arrived.clear()
                self._busy = True
                while self._waiting and not self._app.is_leaving():
                    await self._take(self._waiting.popleft())
                self._busy = False
        except Exception as error:  # noqa: BLE001 - as in any handler of the app: it ends with this error
            self._busy = False
            self._app.fail(error)

    async def _take(self, event: Event) -> None:
        await self._settle()
        at_once = isinstance(event, Key) and is_done_at_once(event.key)
        if not at_once and not await self._until(lambda: self._is_read(event), _READ_S):
            self._slow = self._app.what_is_read(event)[0]
        await self._app.take_key(event)
        await self._settle()
        if not await self._until(lambda: not self._app.is_preparing_a_question(), _QUESTION_S):
            self._waiting.clear()
            self._app.give_up_question()
        await self._settle()

    def _is_read(self, event: Event) -> bool:
        page, is_read = self._app.what_is_read(event)
        return is_read or page is self._slow

    async def _until(self, condition: Callable[[], bool], longest_s: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + longest_s
        while not condition():
            if loop.time() >= deadline or self._app.is_leaving():
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    async def _settle(self) -> None:
        """Until whatever a key has begun in the widgets is done: messages go from one to the next."""
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            if self._app.is_leaving():
                return
            pumps = self._app.pumps()
            is_quiet = not any(pump.message_queue_size for pump in pumps)
            for pump in pumps:
                await _has_come_to(pump)
            quiet = quiet + 1 if is_quiet and self._app.pumps() == pumps else 0
            if quiet == 2:
                return


async def _has_come_to(pump: MessagePump) -> None:
    """Until it has handled all messages that it has now, or is closed."""
    handled = asyncio.Event()
    if not pump.call_later(handled.set):
        return
    while pump.is_running and not handled.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(handled.wait(), _LOOK_EVERY_S)
