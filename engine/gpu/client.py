"""A worker's side: has an image decoded by the GPU's process, or says why it must do it itself.

Whatever goes wrong here is no failure of an image: OpenJPEG decodes it then, in the same attempt.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.failures import system_error_text
from engine.gpu.eligibility import refusal
from engine.gpu.protocol import (
    MOST_PACKET_BYTES,
    Attach,
    Decode,
    item_bytes,
    memory_bytes,
    new_socket,
    pack,
    peer_uid,
    unpack_answer,
)
from engine.gpu.pulse import is_at_work
from engine.gpu.refusals import Refusal
from engine.gpu.shared_buffer import SharedBuffer
from engine.gpu_messages import GpuOutcome, GpuUse
from engine.jp2.codestream.features import CodestreamFeatures, Patch
from engine.jp2.jp2_file import Jp2File

_CHUNK_BYTES = 4 << 20
_PATIENCE_S = 20.0
"""Then the process is asked whether it is at work (`pulse`)."""
KEPT_BYTES = 512 << 20
"""A larger buffer is given back after its image."""


class GpuGone(Exception):
    """The decoding process has not answered."""


class NoMemoryToShare(Exception):
    """This worker gets none, which is not the decoding process's fault."""


class GpuClient:
    """Of one worker; it keeps its connection and its memory from image to image."""

    def __init__(self) -> None:
        self._address = ""
        self._socket: socket.socket | None = None
        self._buffer: SharedBuffer | None = None
        self._number = 0

    def decode(
        self,
        use: GpuUse,
        file: Jp2File,
        features: CodestreamFeatures,
        on_asked: Callable[[], None] = lambda: None,
    ) -> tuple[NDArray[Any] | None, GpuOutcome]:
        """(rows, columns, components), valid until the next call; or None, and why. `on_asked` is told when the source
        has been read, and the process is waited for.

        Raises ImageError if the source cannot be read."""
        header = file.header
        why = refusal(header, file.main_header.markers, features, lossy=use.lossy)
        if why is not None:
            return None, GpuOutcome(refused=why)
        source_bytes = codestream_bytes(file, features.patches)
        bits = header.components[0].bits
        shape = header.height, header.width, len(header.components)
        try:
            buffer = self._attached(use.address, memory_bytes(source_bytes, shape, bits))
            read_codestream(file, features.patches, buffer.bytes[:source_bytes])
            self._number += 1
            request = Decode(
                self._number, source_bytes, header.width, header.height, shape[2], item_bytes(bits)
            )
            on_asked()
            if why_not := self._ask(request):
                if why_not == Refusal.HOST_MEMORY:
                    self.close()  # the process has not got the memory; it is shown it anew
                return None, GpuOutcome(refused=why_not)
        except NoMemoryToShare:
            self.close()
            return None, GpuOutcome(refused=Refusal.HOST_MEMORY)
        except GpuGone as gone:
            self.close()
            return None, GpuOutcome(gone=str(gone))
        return buffer.samples(source_bytes, shape, item_bytes(bits)), GpuOutcome()

    def image_done(self) -> None:
        """Nobody looks at its samples any more."""
        if self._buffer is not None and self._buffer.size > KEPT_BYTES:
            self.close()

    def close(self) -> None:
        """Also the memory: a process that does not answer may still write to it."""
        if self._socket is not None:
            self._socket.close()
        if self._buffer is not None:
            self._buffer.close()
        self._socket, self._buffer, self._address = None, None, ""

    def _attached(self, address: str, size: int) -> SharedBuffer:
        """The memory, large enough, and known to the process at this address."""
        if self._address != address or self._socket is None:
            self.close()
            self._socket, self._address = _connected(address), address
        if self._buffer is None or self._buffer.size < size:
            if self._buffer is not None:
                self._buffer.close()
                self._buffer = None
            try:
                self._buffer = SharedBuffer(size)
            except OSError as error:
                raise NoMemoryToShare from error
            try:
                socket.send_fds(self._socket, [pack(Attach())], [self._buffer.descriptor])
            except OSError as error:
                raise GpuGone(system_error_text(error)) from error
        return self._buffer

    def _ask(self, request: Decode) -> str:
        """Returns why it was refused; empty if it was not."""
        assert self._socket is not None
        asked_at = time.monotonic()
        try:
            self._socket.settimeout(_PATIENCE_S)
            self._socket.send(pack(request))
            packet = self._answer(asked_at)
            if not packet:
                raise GpuGone("it has ended")
            answer = unpack_answer(packet)
        except OSError as error:
            raise GpuGone(system_error_text(error)) from error
        except msgspec.DecodeError as error:
            raise GpuGone(f"an answer that makes no sense: {error}") from error
        if answer.number != request.number:
            raise GpuGone("the answer to another request")
        return answer.refused

    def _answer(self, asked_at: float) -> bytes:
        """Waits as long as the process is at work."""
        assert self._socket is not None
        while True:
            try:
                return self._socket.recv(MOST_PACKET_BYTES)
            except TimeoutError as error:
                if not is_at_work(self._address):
                    waited_s = time.monotonic() - asked_at
                    raise GpuGone(f"no answer for {waited_s:.0f} s") from error


def _connected(address: str) -> socket.socket:
    try:
        connection = new_socket()
    except OSError as error:
        raise NoMemoryToShare from error
    try:
        connection.settimeout(_PATIENCE_S)
        connection.connect(address)
        if peer_uid(connection) != os.getuid():
            raise GpuGone("another user's process answers in its place")
    except OSError as error:
        connection.close()
        raise GpuGone(system_error_text(error)) from error
    except GpuGone:
        connection.close()
        raise
    return connection


def codestream_bytes(file: Jp2File, patches: Sequence[Patch]) -> int:
    """From SOC to the end, or as far as a patch goes beyond it."""
    end = min(file.header.codestream_end, file.reader.size)
    ends = (patch.offset + len(patch.data) for patch in patches)
    return max(end, *ends) - file.header.codestream_offset if patches else end - file.header.codestream_offset


def read_codestream(file: Jp2File, patches: Sequence[Patch], target: NDArray[np.uint8]) -> None:
    """The codestream as a decoder must see it. Raises ImageError if the source cannot be read."""
    start, at = file.header.codestream_offset, 0
    while at < len(target):
        chunk = file.reader.read(start + at, min(_CHUNK_BYTES, len(target) - at))
        if not chunk:
            target[at:] = 0
            break
        target[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
        at += len(chunk)
    for patch in patches:
        place = patch.offset - start
        target[place : place + len(patch.data)] = np.frombuffer(patch.data, np.uint8)
