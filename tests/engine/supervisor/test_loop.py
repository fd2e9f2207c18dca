"""When turns of the supervisor's loop begin."""

from __future__ import annotations

import asyncio
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
