"""Which GPUs there are, found out without loading anything of theirs."""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from msgspec import Struct

CPU_BACKEND = "PHOTOSTAT_GPU_BACKEND"
"""An environment variable for tests: with the value `cpu` the CPU backend of nvImageCodec stands in for a card."""
BACKEND_MEMORY = "PHOTOSTAT_GPU_MEMORY"
"""With the CPU backend: how much memory of a card it plays, bytes; without it, no limit."""
DEVICES = Path("/dev")
VISIBLE = "CUDA_VISIBLE_DEVICES"
INSTALL = "`python3 -m pip install 'nvidia-nvimgcodec-cu12[nvjpeg2k]' nvidia-ml-py`"
_DEVICE = re.compile(r"nvidia(\d+)")


class Card(Struct, frozen=True):
    device: int | None
    """Its number; None for the CPU backend."""
    name: str


def cards(devices: Path = DEVICES) -> list[Card]:
    """Those that are here, if nvImageCodec is installed; of them CUDA_VISIBLE_DEVICES may leave some out."""
    if sys.platform != "linux" or not is_installed():
        return []
    if os.environ.get(CPU_BACKEND) == "cpu":
        return [Card(None, "CPU backend")]
    found = devices_in(devices)
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        found = min(found, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
    return [Card(number, f"GPU {number}") for number in range(found)]


def devices_in(devices: Path = DEVICES) -> int:
    """Cards that NVIDIA's driver shows, whether they can be used or not."""
    return sum(1 for name in os.listdir(devices) if _DEVICE.fullmatch(name))  # noqa: PTH208


def why_no_cards(devices: Path = DEVICES) -> str:
    """Where `cards` are none: what is missing, to follow `and`."""
    if sys.platform != "linux":
        return "GPUs are used on Linux only"
    if not is_installed():
        return f"the extra photostat[gpu] is not installed: {INSTALL}"
    if not devices_in(devices):
        return "there is no GPU on this machine (no /dev/nvidia0, which NVIDIA's driver makes)"
    return f"{VISIBLE} leaves out every GPU of this machine"


def is_installed() -> bool:
    """`nvidia` is a namespace that other packages share: what is in it is looked for without importing it."""
    nvidia = PathFinder.find_spec("nvidia")
    return (
        nvidia is not None
        and PathFinder.find_spec("nvimgcodec", nvidia.submodule_search_locations) is not None
    )
