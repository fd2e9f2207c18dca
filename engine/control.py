"""The engine's socket: JSON lines, a handshake, every command acknowledged. A client can never slow the engine.

The server speaks first: `{"photostat": 1, "version": "0.1.0", "pid": 4711}`. A request is
`{"id": 7, "command": "pause"}` with its arguments beside; the reply is `{"id": 7, "ok": true, ...}` or
`{"id": 7, "ok": false, "error": "one line"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import __version__
from engine.failures import UserError

PROTOCOL = 1
MAX_LINE_BYTES = 4 << 20
_PATIENCE_S = 10.0
"""How long a reply may wait for a client that does not read, before that client is dropped."""
_MAX_CLIENTS = 64

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]


class ControlServer:
    """Answers on `path` (mode 0600) by calling `handler(command, arguments)`, which raises UserError to refuse."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def start(self) -> None:
        """Takes over the socket of a dead engine; the caller holds the ledger's lock, so no live one has it."""
        self._path.unlink(missing_ok=True)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE_BYTES)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= _MAX_CLIENTS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            await _say(writer, {"photostat": PROTOCOL, "version": __version__, "pid": os.getpid()})
            while line := await reader.readline():
                await _say(writer, self._answer(line))
        except (ConnectionError, TimeoutError, ValueError):  # gone, stalled, or a line without an end
            writer.transport.abort()
        finally:
            self._clients.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, line: bytes) -> dict[str, Any]:
        request_id: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("command"), str):
                raise UserError('a request is a JSON object with a "command"')
            request_id = request.pop("id", None)
            return {"id": request_id, "ok": True, **self._handler(request.pop("command"), request)}
        except (UserError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            return {"id": request_id, "ok": False, "error": str(error)}
        except (TypeError, KeyError, ValueError) as error:
            return {"id": request_id, "ok": False, "error": f"arguments of the wrong shape: {error}"}


async def _say(writer: asyncio.StreamWriter, document: dict[str, Any]) -> None:
    writer.write(json.dumps(document).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), _PATIENCE_S)
