"""Memory of the host that a card writes to by itself: registered with CUDA, copied to on streams of its own.

nvImageCodec copies into memory of its own and into pageable memory only. So this asks the driver, which is there
wherever a card is, for the context that nvImageCodec works in. Written after the driver's manual: it has not been run
on a card yet. What fails here fails no image, because the copy through pageable memory stays.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from engine.failures import one_line

_DRIVER = "libcuda.so.1"
_PORTABLE = 1
"""CU_MEMHOSTREGISTER_PORTABLE: pinned for every context."""
_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: what is copied waits for no decoding that it does not need."""

_Handle = ctypes.c_void_p
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "cuInit": (ctypes.c_uint,),
    "cuDeviceGet": (ctypes.POINTER(ctypes.c_int), ctypes.c_int),
    "cuDevicePrimaryCtxRetain": (ctypes.POINTER(_Handle), ctypes.c_int),
    "cuCtxSetCurrent": (_Handle,),
    "cuStreamCreate": (ctypes.POINTER(_Handle), ctypes.c_uint),
    "cuStreamSynchronize": (_Handle,),
    "cuMemHostRegister_v2": (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint),
    "cuMemHostUnregister": (ctypes.c_void_p,),
    "cuMemcpyDtoHAsync_v2": (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t, _Handle),
    "cuGetErrorName": (ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)),
}


class CardError(RuntimeError):
    """The driver is not there, or refuses; the message says what it was asked and what it answered."""


class CardMemory:
    """Of one card, for the whole life of its process: nothing is given back but what was registered."""

    def __init__(self, device: int) -> None:
        """Raises CardError."""
        try:
            self._driver = ctypes.CDLL(_DRIVER)
            for name, arguments in _ARGUMENTS.items():
                function = getattr(self._driver, name)
                function.argtypes, function.restype = arguments, ctypes.c_int
        except (OSError, AttributeError) as error:
            raise CardError(one_line(str(error))) from error
        self._of_thread = threading.local()
        self._context = _Handle()
        self._call("cuInit", 0)
        number = ctypes.c_int()
        self._call("cuDeviceGet", ctypes.byref(number), device)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), number)
        self._decoding = self._stream()

    @property
    def decoding_stream(self) -> int:
        """Of the thread that decodes; copies have others."""
        return self._decoding.value or 0

    def wait_for_decoding(self) -> None:
        """Until all that was decoded so far is there. Raises CardError if the card failed."""
        self._call("cuStreamSynchronize", self._decoding)

    def register(self, address: int, size: int) -> None:
        """Raises CardError."""
        self._enter()
        self._call("cuMemHostRegister_v2", address, size, _PORTABLE)

    def unregister(self, address: int) -> None:
        """Raises CardError."""
        self._enter()
        self._call("cuMemHostUnregister", address)

    def copy(self, target: int, source: int, size: int) -> None:
        """From the card into registered memory; returns when it is there. Raises CardError."""
        stream = self._stream()
        self._call("cuMemcpyDtoHAsync_v2", target, source, size, stream)
        self._call("cuStreamSynchronize", stream)

    def _enter(self) -> None:
        """In this thread the driver works in the context that the decoder has."""
        if not getattr(self._of_thread, "is_in", False):
            self._call("cuCtxSetCurrent", self._context)
            self._of_thread.is_in = True

    def _stream(self) -> ctypes.c_void_p:
        """This thread's."""
        self._enter()
        found: ctypes.c_void_p | None = getattr(self._of_thread, "stream", None)
        if found is None:
            found = _Handle()
            self._call("cuStreamCreate", ctypes.byref(found), _NON_BLOCKING)
            self._of_thread.stream = found
        return found

    def _call(self, name: str, *arguments: object) -> None:
        if code := getattr(self._driver, name)(*arguments):
            text = ctypes.c_char_p()
            self._driver.cuGetErrorName(code, ctypes.byref(text))
            raise CardError(f"{name}: {(text.value or b'').decode() or code}")
