"""The first functions of the engine's children: each loads what its process needs there, so the supervisor does not."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.config import StoreSettings
    from engine.messages import KnownStore


def worker_main(connection: Connection[Any, Any], parent_pid: int) -> None:
    from engine.processes import worker

    worker.worker_main(connection, parent_pid)


def surveyor_main(connection: Connection[Any, Any], parent_pid: int, root: str) -> None:
    from engine.processes import surveyor

    surveyor.surveyor_main(connection, parent_pid, root)


def uploader_main(
    connection: Connection[Any, Any], parent_pid: int, settings: StoreSettings, root: str, known: KnownStore
) -> None:
    from engine.processes import uploader

    uploader.uploader_main(connection, parent_pid, settings, root, known)
    # All is stored, and the engine waits for this end: what Python would take apart first, the kernel does too.
    sys.stderr.flush()
    os._exit(0)


def gpu_decoder_main(connection: Connection[Any, Any], parent_pid: int, device: int | None) -> None:
    from engine.processes import gpu_decoder

    gpu_decoder.gpu_decoder_main(connection, parent_pid, device)
