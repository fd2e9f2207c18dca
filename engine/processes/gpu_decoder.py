"""The decoding process of a GPU: answers workers directly, and tells the supervisor what it has done."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from typing import Any

from engine.gpu_messages import GpuReady, GpuUnusable
from engine.processes.child import tie_to_parent


def gpu_decoder_main(connection: Connection[Any, Any], parent_pid: int, device: int | None) -> None:
    """The process's main; `device` is the card's number, None the CPU backend of the library."""
    tie_to_parent(parent_pid, killed_first=True)
    from engine.gpu.library import GpuLibrary, GpuUnavailable  # nothing of it is loaded in the supervisor
    from engine.gpu.native_messages import NativeMessages
    from engine.gpu.serving import Server, listen

    messages = NativeMessages()
    try:
        library = GpuLibrary(device)
    except GpuUnavailable as error:
        connection.send(GpuUnusable(str(error)))
        return
    listener = listen()
    budget = library.gauge.budget_bytes(library.gauge.use())
    connection.send(GpuReady(library.name, listener.getsockname().decode(), budget))
    try:
        Server(library, listener, connection, messages).run()
    except RuntimeError:
        print(messages.take(), file=sys.stderr)  # all that is known of why the card failed
        raise
    os._exit(0)  # a library that hangs when it is unloaded keeps nobody waiting
