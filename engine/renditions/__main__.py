"""The process that makes one small rendition: a request on stdin, the answer on stdout, both in MessagePack.

It bounds its own memory and time, and the kernel kills it first; what a file does to it, nobody else notices."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

import msgspec

from engine.failures import UserError
from engine.memory.usage import OOM_FIRST, set_oom_score
from engine.processes.child import tie_to_parent
from engine.renditions.request import NoRendition, Rendition, RenditionRequest

_ADDRESSES_BYTES = 1 << 30
"""Of libraries and threads, beyond what is used."""


def main() -> None:
    parent_pid = int(sys.argv[1])
    # What libraries print on stdout must not get between the answer's bytes.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tie_to_parent(parent_pid, killed_first=True)
    if sys.platform == "linux":
        set_oom_score(OOM_FIRST)
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=RenditionRequest)
    _bound(request)
    answer.write(msgspec.msgpack.encode(_drawn(request)))
    answer.close()


def _bound(request: RenditionRequest) -> None:
    addresses = request.most_bytes + _ADDRESSES_BYTES
    seconds = int(request.timeout_s) + 1
    with contextlib.suppress(OSError, ValueError):  # macOS has no limit on addresses
        resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _drawn(request: RenditionRequest) -> Rendition | NoRendition:
    try:
        from engine.renditions.drawing import draw

        return draw(request)
    except UserError as error:
        return NoRendition(str(error))
    except (MemoryError, ImportError):  # without memory, libraries cannot be loaded either
        return NoRendition("there is not enough memory for a small picture of it")


if __name__ == "__main__":
    main()
