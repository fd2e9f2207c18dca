"""Which GPUs there are, found out without loading anything of theirs."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

CPU_BACKEND = "PHOTOSTAT_GPU_BACKEND"
"""An environment variable for tests: with the value `cpu` the CPU backend of nvImageCodec stands in for a card."""
BACKEND_MEMORY = "PHOTOSTAT_GPU_MEMORY"
"""With the CPU backend: how much memory of a card it plays, bytes; without it, no limit."""
_DEVICE = re.compile(r"nvidia(\d+)")


@dataclass(frozen=True)
class Card:
    device: int | None
    """Its number; None for the CPU backend."""
    name: str


def cards(devices: Path = Path("/dev")) -> list[Card]:
    """Those that are here, if nvImageCodec is installed; of them CUDA_VISIBLE_DEVICES may leave some out."""
    if sys.platform != "linux" or not is_installed():
        return []
    if os.environ.get(CPU_BACKEND) == "cpu":
        return [Card(None, "CPU backend")]
    found = sum(1 for name in os.listdir(devices) if _DEVICE.fullmatch(name))  # noqa: PTH208
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found = min(found, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
    return [Card(number, f"GPU {number}") for number in range(found)]


def why_no_cards() -> str:
    """Where `cards` are none."""
    if sys.platform != "linux":
        return "GPUs are used on Linux only"
    return "there is no GPU on this machine" if is_installed() else "photostat[gpu] is not installed"


def is_installed() -> bool:
    """`nvidia` is a namespace that other packages share: what is in it is looked for without importing it."""
    nvidia = PathFinder.find_spec("nvidia")
    return (
        nvidia is not None
        and PathFinder.find_spec("nvimgcodec", nvidia.submodule_search_locations) is not None
    )
