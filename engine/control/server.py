"""The engine's socket: JSON lines, a handshake, every command acknowledged. A client can never slow the engine.

The server speaks first: `{"photostat": 1, "version": "0.1.0", "pid": 4711}`. A request is
`{"id": 7, "command": "pause"}` with its arguments beside; the reply is `{"id": 7, "ok": true, ...}` or
`{"id": 7, "ok": false, "error": "one line"}`. There is always room for one more client: when there are too many,
the one that has been silent longest is dropped, those that have never asked anything before those that have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import __version__
from engine.failures import UserError, one_line

PROTOCOL = 1
MAX_LINE_BYTES = 4 << 20
_PATIENCE_S = 10.0
"""How long a reply may wait for a client that does not read, before that client is dropped."""
_MAX_CLIENTS = 64

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(eq=False)
class _Client:
    writer: asyncio.StreamWriter
    heard: float = field(default_factory=time.monotonic)
    """When it came or asked last."""
    has_asked: bool = False

    @property
    def worth(self) -> tuple[bool, float]:
        """The one with the least is dropped when there are too many."""
        return self.has_asked, self.heard

    def drop(self) -> None:
        self.writer.transport.abort()


class ControlServer:
    """Answers on `path` (mode 0600) by calling `handler(command, arguments)`, which raises UserError to refuse."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self._handler = handler
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[_Client] = set()
        self._closed = False
        """Nothing that was asked before is answered after: the ledger closes next."""

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def start(self) -> None:
        """Takes over the socket of a dead engine; the caller holds the ledger's lock, so no live one has it."""
        self.path.unlink(missing_ok=True)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE_BYTES)

    async def close(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.drop()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = self._welcome(writer)
        try:
            await _say(writer, {"photostat": PROTOCOL, "version": __version__, "pid": os.getpid()})
            while (line := await _read_line(reader, writer)) and not self._closed:
                client.heard, client.has_asked = time.monotonic(), True
                await _say(writer, self._answer(line))
        except (ConnectionError, TimeoutError):  # gone, or stalled
            client.drop()
        finally:
            self._clients.discard(client)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _welcome(self, writer: asyncio.StreamWriter) -> _Client:
        while len(self._clients) >= _MAX_CLIENTS:
            least = min(self._clients, key=lambda client: client.worth)
            self._clients.discard(least)
            least.drop()
        client = _Client(writer)
        self._clients.add(client)
        return client

    def _answer(self, line: bytes) -> dict[str, Any]:
        """The reply to whatever was sent; no order can end the connection, let alone the engine."""
        request_id: int | str | None = None
        try:
            request = _parsed(line)
            request_id = _id_of(request)
            return {"id": request_id, "ok": True, **self._handler(*_order(request))}
        except UserError as error:
            return {"id": request_id, "ok": False, "error": one_line(str(error))}
        except Exception as error:  # noqa: BLE001 - a client's order; the trace goes to the engine's output
            traceback.print_exception(error)
            said = one_line(f"{type(error).__name__}: {error}")
            return {"id": request_id, "ok": False, "error": f"a fault of the engine: {said}"}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"a request is a line of JSON: {error}") from error
    if not isinstance(request, dict):
        raise UserError('a request is a JSON object with a "command"')
    return request


def _id_of(request: dict[str, Any]) -> int | str | None:
    """What the reply is marked with; only what can be told apart and written back exactly."""
    given = request.get("id")
    return given if isinstance(given, int | str) and not isinstance(given, bool) else None


def _order(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    command = request.get("command")
    if not isinstance(command, str):
        raise UserError('a request is a JSON object with a "command"')
    return command, {key: value for key, value in request.items() if key not in ("id", "command")}


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next request; empty at the end, which a request without an end is too, once it has been told so."""
    try:
        return await reader.readline()
    except ValueError:
        error = f"a request is no longer than {MAX_LINE_BYTES >> 20} MiB"
        await _say(writer, {"id": None, "ok": False, "error": error})
        return b""


async def _say(writer: asyncio.StreamWriter, document: dict[str, Any]) -> None:
    writer.write(json.dumps(document).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), _PATIENCE_S)
