"""The decoding process of a GPU, on the CPU backend of the real library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from engine.gpu.client import GpuClient
from engine.gpu_messages import GpuReady
from engine.messages import Quit
from engine.processes.child import Child
from engine.processes.gpu_decoder import gpu_decoder_main

needs_library = pytest.mark.skipif(
    find_spec("nvidia") is None or find_spec("nvidia.nvimgcodec") is None,
    reason="nvImageCodec has wheels for Linux only",
)
STARTS_WITHIN_S = 60.0


@contextmanager
def gpu_decoder() -> Iterator[tuple[Child, str]]:
    """The process and its address."""
    child = Child("photostat-gpu", gpu_decoder_main, None)
    try:
        assert child.connection.poll(STARTS_WITHIN_S)
        ready = child.connection.recv()
        assert isinstance(ready, GpuReady), ready
        yield child, ready.address
    finally:
        child.send(Quit())
        assert child.close(10.0)


@contextmanager
def gpu_client() -> Iterator[GpuClient]:
    client = GpuClient()
    try:
        yield client
    finally:
        client.close()
