"""nvImageCodec: imported here alone, in the decoding process alone.

Without a card its CPU backend decodes in the same way, one image after another: for tests.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.failures import one_line, unforeseen_text
from engine.gpu.card_gauge import CardGauge, why_no_driver
from engine.gpu.card_memory import CardError, CardMemory
from engine.gpu.cards import INSTALL

_CPU_THREADS = 1
_GPU_THREADS = 4
"""They only prepare what the card does; the cores are the workers'."""
_CPU_S_PER_MEGAPIXEL = 6.0
"""At most, on a busy machine; 0.3 is usual."""
_GPU_S_PER_MEGAPIXEL = 0.4
"""0.002 is usual, and 0.01 for tiles."""
_TEST_SIDE = 32
_TEST_CODESTREAM = base64.b64decode(
    "/0//UQApAAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABBwEB/1IADAAAAAEAAgQEAAH/XAAKQEBISFBISFD/ZAAl"
    "AAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAABkAAH/k9+BsBIrZtPDUzJ4YYVvLud8Us3wJ/fWNvjb"
    "L1WptPjGsBLiTV10SQ/1qFqHtlNKdoNcg17u0E2qH8D5AkB8IgA2oZrHPaYu18B8IkA6IF+nx4mdrClc/9k="
)
"""Grey, 32 by 32, lossless: the sample of column x in row y is (5x + 3y) mod 256."""


class GpuUnavailable(Exception):
    """Nothing can be decoded here, however often it is tried; the message says why, and what to do."""


class GpuLibrary:
    """A decoder on one card, or on the CPU."""

    def __init__(self, device: int | None) -> None:
        """`device` is the card's number, None the CPU backend.

        Raises GpuUnavailable if it does not decode, and RuntimeError if the card or its driver fails, as when its
        memory is full."""
        os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # the CPU backend warns of every raw codestream
        try:
            from nvidia import nvimgcodec
        except (ImportError, OSError) as error:
            message = f"nvImageCodec cannot be loaded ({one_line(str(error))}): {INSTALL}"
            raise GpuUnavailable(message) from error
        self._codec: Any = nvimgcodec
        self.most_s_per_megapixel = _CPU_S_PER_MEGAPIXEL if device is None else _GPU_S_PER_MEGAPIXEL
        if device is not None and (why := why_no_driver()):
            raise GpuUnavailable(why)
        self.gauge = CardGauge(device)
        self.name = self.gauge.name
        try:
            kind = nvimgcodec.BackendKind.CPU_ONLY if device is None else nvimgcodec.BackendKind.GPU_ONLY
            self._params = nvimgcodec.DecodeParams(
                apply_exif_orientation=False,
                color_spec=nvimgcodec.ColorSpec.UNCHANGED,
                allow_any_depth=True,
                sample_format=nvimgcodec.SampleFormat.I_UNCHANGED,
            )
            self._decoder = nvimgcodec.Decoder(
                device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY if device is None else device,
                max_num_cpu_threads=_CPU_THREADS if device is None else _GPU_THREADS,
                backends=[nvimgcodec.Backend(kind)],
            )
            self.card_memory, self.slow_copies = _card_memory(device)
            self._test()
        except (AttributeError, TypeError) as error:
            version = getattr(nvimgcodec, "__version__", "of another version")
            message = f"nvImageCodec {version} is not what photostat[gpu] installs ({unforeseen_text(error)})"
            raise GpuUnavailable(message) from error

    def decode(self, sources: Sequence[NDArray[np.uint8]]) -> list[Any]:
        """The images of these codestreams, together, where the card has them; None for each that it refuses.

        Raises RuntimeError if the card fails."""
        streams = [self._codec.CodeStream(source) for source in sources]
        card = self.card_memory
        stream = 0 if card is None else card.decoding_stream
        images: list[Any] = self._decoder.decode(streams, params=self._params, cuda_stream=stream)
        if card is not None:
            card.wait_for_decoding()
        return images

    def copy(self, image: Any, target: NDArray[Any], *, pinned: bool) -> bool:
        """Put its samples there; False if they are of another shape or type. `pinned`: the card may write there.

        Raises RuntimeError if the card fails."""
        is_on_card = image.buffer_kind == self._codec.ImageBufferKind.STRIDED_DEVICE
        if pinned and self.card_memory is not None and is_on_card:
            there = place_on_card(image.__cuda_array_interface__, target)
            if there is not None:
                self.card_memory.copy(target.ctypes.data, there, target.nbytes)
                return True
        samples = self.samples(image)
        if samples.shape != target.shape or samples.dtype != target.dtype:
            return False
        np.copyto(target, samples)
        return True

    def samples(self, image: Any) -> NDArray[Any]:
        """(rows, columns, components) in this process's memory."""
        return np.asarray(image.cpu())

    def _test(self) -> None:
        """That a library is there does not show that it decodes: without nvJPEG2000 it refuses everything."""
        images = self.decode([np.frombuffer(_TEST_CODESTREAM, np.uint8)])
        if images[0] is None:
            message = f"{self.name} decodes no JPEG 2000: is nvJPEG2000 there? {INSTALL}"
            raise GpuUnavailable(message)
        y, x = np.mgrid[0:_TEST_SIDE, 0:_TEST_SIDE]
        if not np.array_equal(self.samples(images[0])[:, :, 0], (5 * x + 3 * y) % 256):
            raise GpuUnavailable(f"{self.name} decodes a test image to other samples than it has")


def _card_memory(device: int | None) -> tuple[CardMemory | None, str]:
    """None, and why on a card, if the copies go through pageable memory."""
    if device is None:
        return None, ""
    try:
        return CardMemory(device), ""
    except CardError as error:
        return None, str(error)


def place_on_card(there: Mapping[str, Any], target: NDArray[Any]) -> int | None:
    """The address of samples there (`__cuda_array_interface__`); None if they lie otherwise than in `target`."""
    if tuple(there["shape"]) != target.shape or np.dtype(there["typestr"]) != target.dtype:
        return None
    strides = there.get("strides")
    return int(there["data"][0]) if strides is None or tuple(strides) == target.strides else None
