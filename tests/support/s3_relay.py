"""A relay in front of an S3 server that injects the faults of networks, proxies and stores."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeVar

import pytest

from tests.support.seaweed import Seaweed
from tests.support.waiting import LONGEST_WAIT_S

T = TypeVar("T")
_CHUNK_BYTES = 1 << 16
_HEAD_BYTES = 1 << 17


class Kind(Enum):
    """What can go wrong with one request."""

    REPLY = auto()
    """The relay replies with `Fault.status` and `Fault.code`; the server gets no request."""
    PAGE = auto()
    """The relay replies with a maintenance page, 200 and text/html; the server gets no request."""
    RESET = auto()
    """The connection is reset after the head."""
    CUT = auto()
    """The connection is reset in the middle of the body."""
    LOSE_REPLY = auto()
    """The server does what it is asked; its reply never arrives."""
    DELAY = auto()
    """The request waits `Fault.seconds`."""
    THROTTLE = auto()
    """The body passes at `Fault.bytes_per_s`."""
    STALL = auto()
    """In the middle of the body nothing moves for `Fault.seconds`, then it breaks."""
    CORRUPT = auto()
    """One bit of the body is flipped on its way."""
    DROP_ETAG = auto()
    """The reply has no ETag."""
    FORGE_ETAG = auto()
    """The reply has the ETag of other content."""
    DROP_TOKEN = auto()
    """A listing has no continuation token, as a server's that knows only the first version."""


@dataclass(frozen=True)
class Fault:
    kind: Kind
    status: int = 503
    code: str = "ServiceUnavailable"
    seconds: float = 0.0
    bytes_per_s: float = 0.0
    location: str = ""
    """Where a REPLY redirects to."""
    text: str = ""
    """What a REPLY says in its error, or all that a PAGE shows."""


SLOW_DOWN = Fault(Kind.REPLY, 503, "SlowDown")


@dataclass(frozen=True)
class Request:
    """The head of one HTTP request."""

    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """By lower-case name."""
    raw: bytes

    @property
    def body_bytes(self) -> int:
        return int(self.headers.get("content-length", "0"))


ChooseFault = Callable[[Request], Fault | None]


@dataclass
class Relay:
    """Listens, on the loopback unless told where, and forwards to `port`; `choose_fault` decides for each request what
    goes wrong.

    A connection carries one request: neither the signatures nor the tests need more.
    """

    port: int
    choose_fault: ChooseFault = lambda request: None
    seen: list[Request] = field(default_factory=list)
    injected: list[Fault] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _server: asyncio.Server | None = None
    own_port: int = 0
    address: str = "127.0.0.1"
    """Where it listens."""

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.own_port}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.listen()

    def listen(self) -> None:
        """Accepts connections, also after `refuse`, always at the same port."""
        self._server = self._run(
            asyncio.start_server(self._serve, self.address, self.own_port, limit=_HEAD_BYTES)
        )
        self.own_port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Accepts no connections any more, as a server that is down."""

        async def close() -> None:
            if self._server is not None:
                self._server.close()

        self._run(close())

    def stop(self) -> None:
        self.refuse()
        self._run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join(LONGEST_WAIT_S)

    def inject_once(self, *faults: Fault, method: str = "PUT") -> None:
        """The next requests with that method get one fault each; all later ones pass."""
        left = list(faults)
        self.choose_fault = lambda request: left.pop(0) if left and request.method == method else None

    def inject_always(self, fault: Fault, method: str = "") -> None:
        self.choose_fault = lambda request: fault if method in ("", request.method) else None

    def forward_all(self) -> None:
        self.choose_fault = lambda request: None

    def _run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(LONGEST_WAIT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = _parse(await reader.readuntil(b"\r\n\r\n"))
            self.seen.append(request)
            fault = self.choose_fault(request)
            if fault is not None:
                self.injected.append(fault)
            await _relay(self.port, request, fault, reader, writer)
        writer.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _relay(
    port: int,
    request: Request,
    fault: Fault | None,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    kind = fault.kind if fault else None
    if fault and kind in (Kind.REPLY, Kind.PAGE):
        await _answer(request, fault, writer)
        return
    if kind is Kind.RESET:
        _reset(writer)
        return
    if fault and kind is Kind.DELAY:
        await asyncio.sleep(fault.seconds)
    if "expect" in request.headers:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    upstream, forward = await asyncio.open_connection("127.0.0.1", port)
    try:
        forward.write(_forwarded(request.raw))
        if not await _pass_body(request, fault, reader, forward):
            _reset(writer)
            _reset(forward)
            return
        reply = await upstream.read()
    finally:
        forward.close()
    if kind is Kind.LOSE_REPLY:
        _reset(writer)
        return
    if kind is Kind.DROP_ETAG:
        reply = re.sub(rb"(?i)\netag:[^\r\n]*\r", b"", reply).replace(b"\r\n\n", b"\r\n", 1)
    if kind is Kind.FORGE_ETAG:
        reply = re.sub(rb'(?i)(\netag: "?)[0-9a-f]{32}', rb"\g<1>" + b"0" * 32, reply)
    if kind is Kind.DROP_TOKEN:
        reply = re.sub(
            rb"<(NextContinuationToken)>.*?</\1>", lambda found: b" " * len(found[0]), reply, flags=re.DOTALL
        )
    writer.write(reply)
    await writer.drain()


async def _pass_body(
    request: Request, fault: Fault | None, reader: asyncio.StreamReader, forward: asyncio.StreamWriter
) -> bool:
    """Passes the body on; False if the connection is to break in its middle."""
    kind, passed, middle = (fault.kind if fault else None), 0, request.body_bytes // 2
    while passed < request.body_bytes:
        limit = request.body_bytes - passed if passed > middle else max(1, middle - passed + 1)
        chunk = await reader.read(min(_CHUNK_BYTES, limit))
        if not chunk:
            return False
        in_the_middle = passed <= middle < passed + len(chunk)
        passed += len(chunk)
        if in_the_middle and kind is Kind.CUT:
            return False
        if fault and in_the_middle and kind is Kind.STALL:
            await asyncio.sleep(fault.seconds)
            return False
        if in_the_middle and kind is Kind.CORRUPT:
            chunk = chunk[:-1] + bytes([chunk[-1] ^ 1])
        if fault and kind is Kind.THROTTLE:
            await asyncio.sleep(len(chunk) / fault.bytes_per_s)
        forward.write(chunk)
        await forward.drain()
    return True


async def _answer(request: Request, fault: Fault, writer: asyncio.StreamWriter) -> None:
    status, content_type = fault.status, "application/xml"
    message = fault.text or "by the relay"
    text = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>{message}</Message></Error>"
    if fault.kind is Kind.PAGE:
        status, content_type = 200, "text/html"
        text = fault.text or "<!DOCTYPE html><html>We will be back soon.</html>"
    body = text.encode()
    head = f"HTTP/1.1 {status} No\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    if fault.location:
        head += f"Location: {fault.location}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + (b"" if request.method == "HEAD" else body))
    await writer.drain()


def _parse(raw: bytes) -> Request:
    first, *rest = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
    }
    return Request(method, path, headers, raw)


def _forwarded(raw: bytes) -> bytes:
    """The head for the server: one request a connection, no Expect. Neither header is signed."""
    kept = re.sub(rb"(?im)^(?:connection|expect):[^\r\n]*\r\n", b"", raw)
    return kept.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes so that the other side gets a reset instead of an end."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport = writer.transport
    transport.abort()


@pytest.fixture
def relay(seaweed: Seaweed) -> Iterator[Relay]:
    """A relay in front of the shared server."""
    between = Relay(seaweed.port)
    between.start()
    yield between
    between.stop()
