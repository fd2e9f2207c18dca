"""A worker process: takes one image at a time from its pipe, converts it, and reports the result."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from engine.failures import Cause, Failure, ImageError, Stage, one_line, unforeseen_text
from engine.files.regular_files import open_bytes
from engine.gpu_messages import GpuAnswered, GpuAsked, GpuOutcome
from engine.memory.usage import peak_rss_bytes
from engine.messages import Converted, Job, NotConverted, Quit, ReadAhead, StageChanged, WorkerReady
from engine.processes.child import tie_to_parent

_READ_AHEAD_BYTES = 1 << 20
_KEEPS_MEMORY_S = 0.25
"""The next image comes within some turns of the engine's loop, or not soon."""


def worker_main(connection: Connection[Any, Any], parent_pid: int) -> None:
    """The process's main: a thread listens on the pipe, this one converts."""
    tie_to_parent(parent_pid, killed_first=True)
    from engine.conversion.convert import (
        convert_image,  # loads libvips and OpenJPEG, so not in the supervisor
    )
    from engine.gpu.client import GpuClient
    from engine.jp2.decoding.pixel_memory import PixelMemory

    jobs: queue.SimpleQueue[Job | Quit] = queue.SimpleQueue()
    sources: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, jobs, sources), daemon=True).start()
    threading.Thread(target=read_ahead, args=(sources,), daemon=True).start()
    memory = PixelMemory()
    convert = partial(convert_image, gpu=GpuClient(), memory=memory)
    connection.send(WorkerReady())
    while isinstance(job := _next_job(jobs, memory.release), Job):
        connection.send(_attempt(connection, job, convert))


def _next_job(jobs: queue.SimpleQueue[Job | Quit], release: Callable[[], None]) -> Job | Quit:
    """`release` is called if none comes at once: a worker that waits keeps no memory from others."""
    try:
        return jobs.get(timeout=_KEEPS_MEMORY_S)
    except queue.Empty:
        release()
        return jobs.get()


def _listen(
    connection: Connection[Any, Any], jobs: queue.SimpleQueue[Job | Quit], sources: queue.SimpleQueue[str]
) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(1)  # the engine is gone, and its successor starts this image again
        if isinstance(message, ReadAhead):
            sources.put(message.source_path)
        else:
            jobs.put(message)


def read_ahead(sources: queue.SimpleQueue[str]) -> None:
    """Read each source once, so that it is in the page cache; errors are reported when the image's turn comes."""
    while True:
        path = sources.get()
        try:
            with open_bytes(path) as source:
                while source.read(_READ_AHEAD_BYTES):
                    pass
        except (OSError, ValueError):
            continue


def _attempt(connection: Connection[Any, Any], job: Job, convert: Any) -> Converted | NotConverted:
    def on_stage(stage: Stage) -> None:
        connection.send(StageChanged(job.image_id, stage))

    def on_gpu(outcome: GpuOutcome | None) -> None:
        about = job.image_id, job.attempt
        connection.send(GpuAsked(*about) if outcome is None else GpuAnswered(*about, outcome))

    wall_start, cpu_start = time.monotonic(), time.process_time()
    warnings: tuple[str, ...] = ()
    source_bytes, source_digest = 0, ""
    try:
        converted: Converted = convert(job, on_stage, on_gpu=on_gpu)
        return converted
    except ImageError as error:
        failure, warnings = error.failure, error.warnings
        source_bytes, source_digest = error.source_bytes, error.source_digest
    except MemoryError as error:
        failure = Failure(
            Cause.OUT_OF_MEMORY, Stage.DECODING, one_line(str(error)) or "no memory for the pixels"
        )
    except Exception as error:  # noqa: BLE001 - whatever a library raises costs this image only
        traceback.print_exc(file=sys.stderr)
        failure = Failure(Cause.INTERNAL, Stage.DECODING, unforeseen_text(error))
    return NotConverted(
        image_id=job.image_id,
        failure=failure,
        warnings=warnings,
        peak_rss_bytes=peak_rss_bytes(),
        cpu_s=time.process_time() - cpu_start,
        wall_s=time.monotonic() - wall_start,
        attempt=job.attempt,
        source_bytes=source_bytes,
        source_digest=source_digest,
    )
