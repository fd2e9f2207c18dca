"""The engine's end of its socket, as the loop ends."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from pathlib import Path

import pytest

from engine.control.server import ControlServer


@pytest.mark.parametrize("turns", range(5))
def test_a_client_that_comes_as_the_engine_ends_and_stays_neither_keeps_it_nor_leaves_a_traceback(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as client:
        path = Path(short) / "s"

        async def end() -> None:
            server = ControlServer(path, lambda command, arguments, peer: pytest.fail("nothing was asked"))
            await server.start()
            client.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.close()

        asyncio.run(end())
    assert caplog.text == ""
