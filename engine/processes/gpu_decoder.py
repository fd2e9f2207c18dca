"""The decoding process of a GPU: answers workers directly, and tells the supervisor what it has done."""

from __future__ import annotations

import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from engine.failures import one_line, unforeseen_text
from engine.gpu_messages import GpuFailed, GpuReady, GpuUnusable
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
        listener = listen()
        budget = library.gauge.budget_bytes(library.gauge.use())
        connection.send(GpuReady(library.name, listener.getsockname().decode(), budget))
        Server(library, listener, connection, messages).run()
    except GpuUnavailable as error:
        connection.send(GpuUnusable(str(error)))
    except Exception as error:  # noqa: BLE001 - whatever a library raises costs this process only
        traceback.print_exc(file=sys.stderr)
        print(messages.take(), file=sys.stderr)  # all that is known of why the card failed
        connection.send(GpuFailed(_why(error)))  # before workers see that their sockets are closed
        os._exit(1)
    os._exit(0)  # a library that hangs when it is unloaded keeps nobody waiting


def _why(error: Exception) -> str:
    """What the library says of a card; anything else with its type."""
    is_plain = type(error) is RuntimeError and str(error)
    return one_line(str(error)) if is_plain else unforeseen_text(error)
