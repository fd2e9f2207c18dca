"""The decoding process of a GPU, on the CPU backend of the real library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

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

_LIBRARY = """
__path__.append({real!r})
from nvidia.nvimgcodec.nvimgcodec_impl import *
from nvidia.nvimgcodec import nvimgcodec_impl as real
"""


def lying_library(directory: Path, lies: str) -> Path:
    """A directory for PYTHONPATH in which nvImageCodec is the real one, which is `real` in `lies`, but for these."""
    spec = find_spec("nvidia.nvimgcodec")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = directory / "nvidia" / "nvimgcodec"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    library = _LIBRARY.format(real=next(iter(spec.submodule_search_locations)))
    (package / "__init__.py").write_text(library + lies, "utf-8")
    return directory


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
