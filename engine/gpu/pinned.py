"""Which of the shared buffers are registered with CUDA, so that a card copies into them as fast as the bus goes.

Each is registered once, when its worker shows it, and let go when nobody uses it any more. There is a budget: what is
registered stays in memory. One that is not registered is copied to through pageable memory.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from engine.formatting import memory_size
from engine.gpu.card_memory import CardError
from engine.gpu.shared_buffer import AttachedBuffer


class Registrar(Protocol):
    """What registers memory: a card's driver."""

    def register(self, address: int, size: int) -> None:
        """Raises CardError."""

    def unregister(self, address: int) -> None:
        """Raises CardError."""


class PinnedBuffers:
    def __init__(self, registrar: Registrar | None, budget_bytes: int) -> None:
        """None where no card writes: nothing is registered then, and all goes on as it does without."""
        self._registrar, self._budget_bytes = registrar, budget_bytes
        self._registered: dict[AttachedBuffer, int] = {}
        """And where each is."""
        self.problem = ""
        """Why no more are registered; empty while they are."""

    def __contains__(self, buffer: AttachedBuffer) -> bool:
        return buffer in self._registered

    @property
    def bytes(self) -> int:
        return sum(buffer.size for buffer in self._registered)

    def add(self, buffer: AttachedBuffer) -> None:
        """A worker has shown it."""
        if self._registrar is None or self.problem or buffer in self._registered:
            return
        if self.bytes + buffer.size > self._budget_bytes:
            return
        address = buffer.bytes.ctypes.data
        try:
            self._registrar.register(address, buffer.size)
        except CardError as error:
            self.problem = f"{memory_size(buffer.size)} of memory cannot be registered ({error})"
            return
        self._registered[buffer] = address

    def keep_only(self, used: Collection[AttachedBuffer]) -> None:
        """Let the others go; before their memory is given back."""
        for buffer in [one for one in self._registered if one not in used]:
            address = self._registered.pop(buffer)
            assert self._registrar is not None
            try:
                self._registrar.unregister(address)
            except CardError as error:
                self.problem = self.problem or f"registered memory is not given back ({error})"
