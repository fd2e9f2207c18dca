"""The engine's socket: JSON lines, a handshake, every request answered. A client can never slow the engine.

`engine.control.requests` has the messages. There is always room for one more client: when there are too many, the one
that has been silent longest is dropped, those that have never asked anything before those that have.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field, to_builtins

from engine import __version__
from engine.control.peers import Peer, may_order, peer_of
from engine.control.requests import MAX_LINE_BYTES, PROTOCOL, Hello, Id, Reply
from engine.failures import UserError, one_line
from engine.workspace import SOCKET_DIRECTORY

_CLIENT_READS_WITHIN_S = 10.0
"""A client that leaves a reply unread for longer is dropped."""
_MAX_CLIENTS = 64
_CLIENTS_END_WITHIN_S = 2.0

Handler = Callable[[str, Mapping[str, Any], Peer | None], Reply]


class _Client(Struct, eq=False):
    writer: asyncio.StreamWriter
    last_active: float = field(default_factory=time.monotonic)
    """When it came, or asked last."""
    has_asked: bool = False

    @property
    def priority(self) -> tuple[bool, float]:
        """The client with the lowest is dropped when there are too many."""
        return self.has_asked, self.last_active

    def drop(self) -> None:
        self.writer.transport.abort()


class ControlServer:
    """Answers on `path` (mode 0600) by calling `handler(command, arguments, peer)`.

    That raises UserError to refuse."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self._handler = handler
        self._server: asyncio.AbstractServer | None = None
        self._clients: set[_Client] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._closed = False
        """No request is answered any more: the ledger closes next."""

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def start(self) -> None:
        """Takes over the socket of a dead engine; the caller holds the ledger's lock, so no live one has it."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._begin, sock=listener, limit=MAX_LINE_BYTES)

    async def close(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()
        serving = set(self._serving)
        for client in list(self._clients):
            client.drop()
        if serving:
            await asyncio.wait(serving, timeout=_CLIENTS_END_WITHIN_S)
        with contextlib.suppress(OSError):  # it is in somebody's way, or is not there any more
            self.path.unlink()
            if self.path.parent.name == SOCKET_DIRECTORY:
                self.path.parent.rmdir()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task of ours: of one that asyncio makes itself it prints a traceback if the loop's end cancels it."""
        if self._closed:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed:  # it came before, and nobody had served it yet
            writer.transport.abort()
            return
        client = self._admit(writer)
        try:
            peer = peer_of(writer.get_extra_info("socket"))
            if not may_order(peer):
                await _send(
                    writer, _refusal(None, f"only user {os.geteuid()} and root give orders to this engine")
                )
                return
            await _send(writer, to_builtins(Hello(PROTOCOL, __version__, os.getpid())))
            while (line := await _read_line(reader, writer)) and not self._closed:
                client.last_active, client.has_asked = time.monotonic(), True
                await _send(writer, self._answer(line, peer))
        except (ConnectionError, TimeoutError):  # it has gone, or does not read
            client.drop()
        finally:
            self._clients.discard(client)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _admit(self, writer: asyncio.StreamWriter) -> _Client:
        while len(self._clients) >= _MAX_CLIENTS:
            lowest = min(self._clients, key=lambda client: client.priority)
            self._clients.discard(lowest)
            lowest.drop()
        client = _Client(writer)
        self._clients.add(client)
        return client

    def _answer(self, line: bytes, peer: Peer | None) -> dict[str, Any]:
        """The reply to whatever was sent; no request can end the connection, let alone the engine."""
        request_id: Id = None
        try:
            request = _parse(line)
            request_id = _id_of(request)
            return {"id": request_id, "ok": True, **to_builtins(self._handler(*_split(request), peer))}
        except UserError as error:
            return _refusal(request_id, one_line(str(error)))
        except Exception as error:  # noqa: BLE001 - a client's request; the trace goes to the engine's output
            traceback.print_exception(error)
            what = one_line(f"{type(error).__name__}: {error}")
            return _refusal(request_id, f"a fault of the engine: {what}")


def _refusal(request_id: Id, error: str) -> dict[str, Any]:
    return {"id": request_id, "ok": False, "error": error}


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"a request is a line of JSON: {error}") from error
    if not isinstance(request, dict):
        raise UserError('a request is a JSON object with a "command"')
    return request


def _id_of(request: dict[str, Any]) -> Id:
    """What the reply is marked with; only what can be told apart and written back exactly."""
    given = request.get("id")
    return given if isinstance(given, int | str) and not isinstance(given, bool) else None


def _split(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The command and its arguments."""
    command = request.get("command")
    if not isinstance(command, str):
        raise UserError('a request is a JSON object with a "command"')
    return command, {key: value for key, value in request.items() if key not in ("id", "command")}


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next request; empty at the connection's end, and after a request that is too long, which is refused."""
    try:
        return await reader.readline()
    except ValueError:
        await _send(writer, _refusal(None, f"a request is no longer than {MAX_LINE_BYTES >> 20} MiB"))
        return b""


async def _send(writer: asyncio.StreamWriter, document: dict[str, Any]) -> None:
    writer.write(json.dumps(document).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), _CLIENT_READS_WITHIN_S)
