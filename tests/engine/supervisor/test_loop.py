"""When turns of the supervisor's loop begin."""

from __future__ import annotations

import asyncio
import socket
import time
from types import SimpleNamespace
from typing import cast

from engine.supervisor.loop import Supervisor


async def test_what_comes_within_a_moment_is_taken_in_one_turn() -> None:
    wake_up = asyncio.Event()
    fake = SimpleNamespace(_run=SimpleNamespace(wake_up=wake_up), _began=time.monotonic() - 1)
    loop = cast("Supervisor", fake)
    wake_up.set()
    await Supervisor._wait_for_events(loop)
    first = fake._began
    wake_up.set()
    waiting = asyncio.create_task(Supervisor._wait_for_events(loop))
    await asyncio.sleep(0)
    wake_up.set()  # something else, before the turn has begun
    await waiting
    assert fake._began - first >= 0.0035
    assert not wake_up.is_set()


async def test_a_turn_comes_also_if_nothing_does() -> None:
    fake = SimpleNamespace(_run=SimpleNamespace(wake_up=asyncio.Event()), _began=time.monotonic())
    began = fake._began
    await Supervisor._wait_for_events(cast("Supervisor", fake))
    assert fake._began - began >= 0.2


async def test_a_client_is_answered_between_two_turns_that_follow_at_once() -> None:
    """As while there is a large order: the next slice is due when the last one ends."""
    loop, steps = asyncio.get_running_loop(), list[str]()
    wake_up = asyncio.Event()
    wake_up.set()
    theirs, ours = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)

        async def answer() -> None:
            steps.append((await reader.readline()).decode())
            writer.write(b"reply\n")

        answering = loop.create_task(answer())
        await asyncio.sleep(0)
        theirs.send(b"request\n")
        fake = SimpleNamespace(_run=SimpleNamespace(wake_up=wake_up), _began=time.monotonic() - 1)
        await Supervisor._wait_for_events(cast("Supervisor", fake))
        theirs.setblocking(False)
        assert theirs.recv(100) == b"reply\n" and steps == ["request\n"]
        await answering
        writer.close()
