"""What the driver says of a card: its name, how busy it is, and how much of its memory is in use. Asked through NVML.

CUDA and NVML number cards differently: CUDA begins with the fastest one and leaves out what CUDA_VISIBLE_DEVICES does,
and a part of a divided card (MIG) is one of its devices. So NVML is asked for the card by the identifier that CUDA has
for it. Written after the manuals of both; tested with a driver that is made up.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any
from uuid import UUID

from msgspec import Struct

from engine.failures import one_line
from engine.gpu.cards import BACKEND_MEMORY
from engine.gpu.memory import card_budget

DRIVER = "libcuda.so.1"
_UUID_BYTES = 16
_PREFIXES = ("GPU-", "MIG-")
"""Of identifiers in NVML: of a card, and of a part of one."""


class CardUse(Struct, frozen=True):
    utilisation: float | None
    """0 to 1; None if the driver does not say it, as of a part of a card."""
    used_bytes: int
    own_bytes: int
    """The part of it that this process has."""
    total_bytes: int

    @property
    def budget_bytes(self) -> int:
        return card_budget(self.total_bytes, max(0, self.used_bytes - self.own_bytes))


class CardGauge:
    """Made before this process has anything on the card: where the driver does not say what is this process's, which
    in a container it does not, all that came later is taken for that."""

    def __init__(self, device: int | None) -> None:
        """`device` is CUDA's number, None the CPU backend."""
        self._nvml: Any
        self._handle: Any
        self._nvml, self._handle = (None, None) if device is None else _found(device)
        self._number = device
        self._used_before = 0
        if first := self.use():
            self._used_before = first.used_bytes

    @property
    def name(self) -> str:
        """With CUDA's number: several cards can be alike."""
        if self._number is None:
            return "CPU backend"
        if self._nvml is None:
            return f"GPU {self._number}"
        try:
            return f"{self._nvml.nvmlDeviceGetName(self._handle)} {self._number}"
        except self._nvml.NVMLError:
            return f"GPU {self._number}"

    def use(self) -> CardUse | None:
        """None if nobody knows."""
        if self._nvml is None:
            return None
        try:
            memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
        except self._nvml.NVMLError:
            return None
        used = int(memory.used)
        own = self._own_bytes()
        own = max(0, used - self._used_before) if own is None else own
        return CardUse(self._utilisation(), used, own, int(memory.total))

    def budget_bytes(self, use: CardUse | None) -> int | None:
        """What decoding may take on the card; None if nobody knows."""
        if use is not None:
            return use.budget_bytes
        played = os.environ.get(BACKEND_MEMORY, "")
        return int(played) if self._number is None and played.isdigit() else None

    def _utilisation(self) -> float | None:
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu) / 100
        except self._nvml.NVMLError:
            return None

    def _own_bytes(self) -> int | None:
        try:
            processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
        except self._nvml.NVMLError:
            return None
        mine = [one.usedGpuMemory for one in processes if one.pid == os.getpid()]
        return sum(mine) if mine and all(size is not None for size in mine) else None


def why_no_driver() -> str:
    """What to do where a card is there and CUDA is not; empty if it is."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError as error:
        return (
            f"NVIDIA's driver is not there ({one_line(str(error))}): install it, version 530 or later; a container "
            "gets it from NVIDIA's container toolkit, as with `--gpus all`"
        )
    return ""


def _found(device: int) -> tuple[Any, Any]:
    """NVML and its handle of the card; nothing if nvidia-ml-py is not installed, or NVML does not know the card."""
    try:
        import pynvml
    except ImportError:
        return None, None
    try:
        pynvml.nvmlInit()
        identifier = _identifier(device)
        if identifier is None:
            return pynvml, pynvml.nvmlDeviceGetHandleByIndex(device)
        for prefix in _PREFIXES:
            try:
                return pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"{prefix}{identifier}")
            except pynvml.NVMLError:
                continue
    except pynvml.NVMLError:
        pass
    return None, None


def _identifier(device: int) -> UUID | None:
    """CUDA's, of its device; None if it has none to tell."""
    try:
        driver = ctypes.CDLL(DRIVER)
        number, text = ctypes.c_int(), ctypes.create_string_buffer(_UUID_BYTES)
        failed = (
            driver.cuInit(0)
            or driver.cuDeviceGet(ctypes.byref(number), device)
            or driver.cuDeviceGetUuid_v2(text, number)
        )
    except (OSError, AttributeError):
        return None
    return None if failed else UUID(bytes=text.raw)
