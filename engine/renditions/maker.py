"""Asks another process for a small rendition, and waits no longer than it may take."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import msgspec

from engine.config import Config
from engine.memory.available import MemoryReader, parse_floor
from engine.processes.child import describe_exit
from engine.renditions.request import NoRendition, Original, Rendition, RenditionRequest

LONGEST_WAIT_S = 30.0
MOST_BYTES = 2 << 30
_LEAST_BYTES = 256 << 20
_GIVEN_UP_AFTER_S = 2.0
"""After a kill: a process that the kernel keeps in a read that never returns is left behind."""
_ANSWER = Rendition | NoRendition


class RenditionMaker:
    """One at a time; `stop` may be called from another thread."""

    def __init__(self, timeout_s: float = LONGEST_WAIT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def make(self, config: Config, original: Original, longest_side: int) -> Rendition | NoRendition:
        """Never raises for what a file, a share or a store does."""
        if self._process is not None and self._process.poll() is None:
            return NoRendition("an earlier picture still waits for its file: does the share answer?")
        most_bytes = spare_bytes(config)
        if most_bytes < _LEAST_BYTES:
            return NoRendition("no memory is spare for a picture now")
        if self._is_stopped:
            return NoRendition("stopped")
        request = RenditionRequest(original, longest_side, most_bytes, self._timeout_s)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-m", "engine.renditions", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"},
        )
        return self._answer(self._process, msgspec.msgpack.encode(request))

    def stop(self) -> None:
        """Nobody waits for the rendition any more."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()

    def _answer(self, process: subprocess.Popen[bytes], request: bytes) -> Rendition | NoRendition:
        try:
            data, _ = process.communicate(request, timeout=self._timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_GIVEN_UP_AFTER_S)
            return NoRendition(f"no picture after {self._timeout_s:.0f} s")
        if process.returncode != 0:
            return NoRendition(f"the process that drew it {describe_exit(process.returncode)}")
        answer: Rendition | NoRendition = msgspec.msgpack.decode(data, type=_ANSWER)
        return answer


def spare_bytes(config: Config) -> int:
    """What a rendition may take now: the floor stays free, and an engine's workers count as they are."""
    memory = MemoryReader(config.engine.memory_limit).read()
    floor = parse_floor(config.engine.memory_floor, memory.total_bytes)
    return min(MOST_BYTES, memory.available_bytes - floor)
