"""What a worker and the decoding process say to each other, a packet each, over a Unix socket of their own."""

from __future__ import annotations

import socket
import struct
import sys

import msgspec
from msgspec import Struct

MOST_PACKET_BYTES = 4096
_PAGE_BYTES = 4096
_CREDENTIALS = struct.Struct("3i")
"""struct ucred of unix(7): pid, uid, gid."""


class Attach(Struct, frozen=True, tag="attach"):
    """From now on the samples go into this memory; its descriptor comes with the packet."""


class Decode(Struct, frozen=True, tag="decode"):
    """Decode the codestream at the beginning of the memory; the samples go behind it (`samples_offset`)."""

    number: int
    source_bytes: int
    width: int
    height: int
    components: int
    item_bytes: int
    """Of a sample: 1 or 2."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.components

    @property
    def pixels(self) -> int:
        return self.width * self.height


class Decoded(Struct, frozen=True, tag="decoded"):
    """The answer to the request of this number."""

    number: int
    refused: str = ""
    """Why it is not decoded here (`Refusal`); OpenJPEG may do it."""


Request = Attach | Decode


def samples_offset(source_bytes: int) -> int:
    """Where the samples begin behind a codestream of this size: at a page."""
    return -(-source_bytes // _PAGE_BYTES) * _PAGE_BYTES


def item_bytes(bits: int) -> int:
    """Of a sample."""
    return 1 if bits <= 8 else 2


def memory_bytes(source_bytes: int, shape: tuple[int, int, int], bits: int) -> int:
    """Of the memory for a codestream and its samples."""
    return samples_offset(source_bytes) + shape[0] * shape[1] * shape[2] * item_bytes(bits)


def pack(message: Request | Decoded) -> bytes:
    return msgspec.msgpack.encode(message)


def unpack_request(packet: bytes) -> Request:
    """Raises msgspec.DecodeError."""
    request: Request = msgspec.msgpack.decode(packet, type=Request)
    return request


def unpack_answer(packet: bytes) -> Decoded:
    """Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(packet, type=Decoded)


def new_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def peer_uid(connection: socket.socket) -> int:
    """Whose process the other end is: a name in Linux's abstract namespace is open to everyone on the machine."""
    if sys.platform != "linux":
        raise OSError("GPU decoding needs Linux")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(packed)[1])
