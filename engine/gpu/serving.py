"""The loop of the decoding process: takes what workers ask for, decodes together what waits, and answers.

While a batch is decoded, the next one gathers in the sockets, and the samples of the one before are copied.
"""

from __future__ import annotations

import array
import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import msgspec
from msgspec import Struct, structs

from engine.gpu.batches import WaitingImage, next_batch
from engine.gpu.library import GpuLibrary
from engine.gpu.memory import decoding_bytes
from engine.gpu.native_messages import NativeMessages
from engine.gpu.pinned import PinnedBuffers
from engine.gpu.protocol import (
    MOST_PACKET_BYTES,
    Attach,
    Decode,
    Decoded,
    new_socket,
    pack,
    peer_uid,
    unpack_request,
)
from engine.gpu.pulse import Pulse
from engine.gpu.refusals import Refusal
from engine.gpu.shared_buffer import AttachedBuffer, samples_in
from engine.gpu_messages import GpuFigures, GpuSlowCopies
from engine.memory.admission_types import pinned_budget
from engine.memory.available import MemoryReader
from engine.messages import Quit

_COPIES_AT_ONCE = 4
_REPORT_EVERY_S = 1.0
_LOOK_EVERY_S = 0.05
_BACKLOG = 128


class _Client(Struct, eq=False):
    """A worker."""

    connection: socket.socket
    buffer: AttachedBuffer | None = None

    def answer(self, number: int, refused: str = "") -> None:
        with contextlib.suppress(OSError):  # the worker is gone, which the supervisor knows
            self.connection.send(pack(Decoded(number, refused)))


class _Waiting(Struct, frozen=True):
    client: _Client
    buffer: AttachedBuffer
    request: Decode
    passed: int = 0
    """Batches that have been taken since it came."""

    @property
    def gpu_bytes(self) -> int:
        asked = self.request
        bits = 8 * asked.item_bytes
        return decoding_bytes(asked.source_bytes, asked.width, asked.height, asked.components, bits)


class _Counted(Struct):
    """Since the start of the process."""

    images: int = 0
    pixels: int = 0
    busy_s: float = 0.0


def listen() -> socket.socket:
    """On a name that nobody else has, in the abstract namespace: nothing of it is left on a disk."""
    listener = new_socket()
    listener.bind(f"\0photostat-gpu-{os.getpid()}-{os.urandom(8).hex()}")
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


class Server:
    def __init__(
        self,
        library: GpuLibrary,
        listener: socket.socket,
        supervisor: Connection[Any, Any],
        messages: NativeMessages,
    ) -> None:
        self._library, self._supervisor = library, supervisor
        self._listener, self._messages = listener, messages
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(supervisor, selectors.EVENT_READ, self._hear_supervisor)
        self._waiting: list[_Waiting] = []
        self._copies: dict[Future[int], _Waiting] = {}
        self._clients: set[_Client] = set()
        self._pinned = PinnedBuffers(library.card_memory, pinned_budget(MemoryReader().read().total_bytes))
        self._pool = ThreadPoolExecutor(_COPIES_AT_ONCE, "copy")
        self._counted = _Counted()
        self._budget_bytes = library.gauge.budget_bytes(library.gauge.use())
        self._reported_at = time.monotonic()
        self._reported_images = -1
        self._pulse = Pulse(listener.getsockname().decode())
        self._quits = False
        self._told = ""
        """Why copies go through pageable memory."""

    def run(self) -> None:
        """Until the supervisor wants its end, or has ended. Raises RuntimeError if the card fails."""
        while not self._quits:
            self._pulse.expect(0.0)
            timeout_s = 0.0 if self._waiting else _LOOK_EVERY_S if self._copies else _REPORT_EVERY_S
            for key, _ in self._selector.select(timeout_s):
                act: Callable[[], None] = key.data
                act()
            self._collect(only_done=True)
            if self._waiting:
                self._decode()
            self._pinned.keep_only(self._used_buffers())
            self._tell_of_slow_copies()
            self._report()
        self._pool.shutdown()
        self._pinned.keep_only(())

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            time.sleep(_LOOK_EVERY_S)  # there are no more descriptors, or the worker has gone
            return
        if peer_uid(connection) != os.getuid():
            connection.close()
            return
        client = _Client(connection)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear_supervisor(self) -> None:
        try:
            self._quits = isinstance(self._supervisor.recv(), Quit)
        except (EOFError, OSError):
            os._exit(0)

    def _hear(self, client: _Client) -> None:
        """What breaks the protocol is not answered: its worker decodes for itself."""
        try:
            packet, descriptors = _receive(client.connection)
            if not packet:
                self._forget(client)
                return
            self._take(client, packet, descriptors)
        except (OSError, ValueError, msgspec.DecodeError):
            self._forget(client)

    def _take(self, client: _Client, packet: bytes, descriptors: list[int]) -> None:
        buffers = [buffer for one in descriptors if (buffer := _attached(one)) is not None]
        match unpack_request(packet):
            case Attach():
                client.buffer = buffers[0] if buffers else None
                if client.buffer is not None:
                    self._pinned.keep_only(self._used_buffers())
                    self._pinned.add(client.buffer)
            case Decode() as request:
                if client.buffer is None:
                    client.answer(request.number, Refusal.HOST_MEMORY)
                    return
                samples_in(client.buffer.bytes, request.source_bytes, request.shape, request.item_bytes)
                self._accept_request(_Waiting(client, client.buffer, request))

    def _accept_request(self, one: _Waiting) -> None:
        if self._budget_bytes is not None and one.gpu_bytes > self._budget_bytes:
            one.client.answer(one.request.number, Refusal.CARD_MEMORY)
        else:
            self._waiting.append(one)

    def _forget(self, client: _Client) -> None:
        self._selector.unregister(client.connection)
        client.connection.close()
        self._clients.discard(client)
        self._waiting = [one for one in self._waiting if one.client is not client]

    def _decode(self) -> None:
        sizes = [WaitingImage(one.request.pixels, one.gpu_bytes, one.passed) for one in self._waiting]
        places = next_batch(sizes, self._budget_bytes)
        batch = [self._waiting[place] for place in places]
        taken = set(places)
        left = [one for place, one in enumerate(self._waiting) if place not in taken]
        self._waiting = [structs.replace(one, passed=one.passed + 1) for one in left]
        megapixels = sum(one.request.pixels for one in batch) / 1e6
        self._pulse.expect(megapixels * self._library.most_s_per_megapixel)
        began = time.monotonic()
        images = self._library.decode([one.buffer.bytes[: one.request.source_bytes] for one in batch])
        self._counted.busy_s += time.monotonic() - began
        self._messages.take()  # why images were refused; OpenJPEG says what is wrong with them
        self._collect(only_done=False)  # so that samples of two batches at most are on the card
        self._copies = {
            self._pool.submit(self._deliver, one, image): one
            for one, image in zip(batch, images, strict=True)
        }

    def _collect(self, *, only_done: bool) -> None:
        """Count what has been copied. Raises RuntimeError if the card failed then."""
        ended = [copy for copy in self._copies if copy.done()] if only_done else list(self._copies)
        for copy in ended:
            if pixels := copy.result():
                self._counted.images += 1
                self._counted.pixels += pixels
            del self._copies[copy]

    def _deliver(self, one: _Waiting, image: Any) -> int:
        """Copy the samples and answer; returns how many pixels that were."""
        request = one.request
        target = samples_in(one.buffer.bytes, request.source_bytes, request.shape, request.item_bytes)
        pinned = one.buffer in self._pinned
        is_there = image is not None and self._library.copy(image, target, pinned=pinned)
        one.client.answer(request.number, "" if is_there else Refusal.BY_LIBRARY)
        return request.pixels if is_there else 0

    def _used_buffers(self) -> set[AttachedBuffer]:
        """That workers have, or that are still to be written to."""
        attached = {client.buffer for client in self._clients if client.buffer is not None}
        return attached | {one.buffer for one in (*self._waiting, *self._copies.values())}

    def _tell_of_slow_copies(self) -> None:
        why = self._library.slow_copies or self._pinned.problem
        if why and why != self._told:
            self._told = why
            self._supervisor.send(GpuSlowCopies(why))

    def _report(self) -> None:
        """A second after something has changed; also while nothing is asked for, so that utilisation falls."""
        now = time.monotonic()
        if now - self._reported_at < _REPORT_EVERY_S:
            return
        counted, use = self._counted, self._library.gauge.use()
        self._budget_bytes = self._library.gauge.budget_bytes(use)
        if use is not None or counted.images != self._reported_images:
            self._reported_images = counted.images
            figures = GpuFigures(
                images=counted.images,
                pixels=counted.pixels,
                busy_s=counted.busy_s,
                utilisation=use.utilisation if use else None,
                memory_used_bytes=use.used_bytes if use else None,
                memory_total_bytes=use.total_bytes if use else None,
                budget_bytes=self._budget_bytes,
            )
            self._supervisor.send(figures)
        self._reported_at = now


def _attached(descriptor: int) -> AttachedBuffer | None:
    """None if this process has no room for it: requests for it are refused, and no other worker's."""
    try:
        return AttachedBuffer(descriptor)
    except OSError:
        return None


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """A packet and the descriptors that came with it; no bytes at the end."""
    one = array.array("i").itemsize
    packet, ancillary, _, _ = connection.recvmsg(
        MOST_PACKET_BYTES, socket.CMSG_SPACE(one), socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % one])
    return packet, list(descriptors)
