"""OpenJPEG's decoder through glymur's low-level calls: opens a file, decodes areas or tiles, and frees everything."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL
from msgspec import Struct
from numpy.typing import NDArray

from engine.failures import Cause, ImageError, Stage, one_line
from engine.jp2.codestream.features import Patch
from engine.jp2.decoding.consumption import TilePartStart, tile_parts_read
from engine.jp2.decoding.patched_stream import patched_stream
from engine.jp2.header import Area, Container

_MESSAGE_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
_MOST_MESSAGES = 20
"""A damaged file can cause a warning for each code-block; the first ones are enough."""

_WARNINGS_OF_EVERY_FILE = frozenset(
    {"JP2 box which are after the codestream will not be read by this function."}
)
"""opj_get_decoded_tile warns so of any JP2; the boxes are read by `Jp2File`."""

_RAW_CHANNELS = 0x0001
"""OPJ_DPARAMETERS_IGNORE_PCLR_CMAP_CDEF_FLAG: palette and channel order are applied by the colour plan."""


class DecodedPlane(Struct, frozen=True):
    """A component's decoded samples: a view into the decoder's memory, valid until the next decode."""

    samples: NDArray[Any]
    """(rows, columns); int32 if they are OpenJPEG's."""
    x0: int
    """Of its first column, in steps of dx on the reference grid: ceil(x / dx)."""
    y0: int
    dx: int
    dy: int


class DecoderMessages:
    """OpenJPEG's warnings and errors about one file, each once."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.errors: list[str] = []
        # C keeps pointers to these ctypes objects: they must live as long as the codec.
        self.on_warning = _MESSAGE_HANDLER(lambda text, _: _keep(self.warnings, text))
        self.on_error = _MESSAGE_HANDLER(lambda text, _: _keep(self.errors, text))
        self.on_info = _MESSAGE_HANDLER(lambda text, _: None)


def _keep(messages: list[str], text: bytes | None) -> None:
    message = one_line((text or b"").decode("utf-8", "replace"))
    is_known = message in messages or message in _WARNINGS_OF_EVERY_FILE
    if message and not is_known and len(messages) < _MOST_MESSAGES:
        messages.append(message)


def bundled_library() -> Path | None:
    """The libopenjp2 inside Pillow's wheel (Linux: pillow.libs, macOS: PIL/.dylibs); None for other builds."""
    package = Path(PIL.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for library in sorted(folder.glob("libopenjp2*")):
            return library
    return None


@cache
def glymur_calls() -> ModuleType:
    """glymur.lib.openjp2, bound to the library of Pillow's wheel so that every machine makes the same bytes.

    Without that wheel it is the system's library, as glymur finds it. glymur binds its library when it is imported
    and shapes its structures after that library's version, so the choice is made during the import; a library that
    a glymurrc or an earlier import chose is replaced by importing the module again. Raises ImageError INTERNAL if
    there is no OpenJPEG 2.3 or later.
    """
    bundled = bundled_library()
    calls = _import_calls() if bundled is None else _bound_to(str(bundled))
    if calls.OPENJP2 is None or not hasattr(calls.OPENJP2, "opj_set_decoded_components"):
        raise ImageError(
            Cause.INTERNAL, Stage.DECODING, "no OpenJPEG library (libopenjp2 2.3 or later) was found"
        )
    _declare(calls.OPENJP2)
    return calls


def _import_calls() -> ModuleType:
    """glymur.lib.openjp2 without the rest of glymur (boxes, lxml, TIFF), which takes 20 ms of every worker's start.

    Whoever imports glymur afterwards gets all of it, with this module in it."""
    spec = importlib.util.find_spec("glymur")
    if spec is None or "glymur" in sys.modules:
        return importlib.import_module("glymur.lib.openjp2")
    sys.modules["glymur"] = importlib.util.module_from_spec(spec)  # which executes nothing
    try:
        return importlib.import_module("glymur.lib.openjp2")
    finally:
        del sys.modules["glymur"]


def _bound_to(library: str) -> ModuleType:
    found = ctypes.util.find_library

    def find(name: str) -> str | None:
        return library if name == "openjp2" else found(name)

    with _replaced(ctypes.util, "find_library", find):
        calls = _import_calls()
    if calls.OPENJP2 is not None and calls.OPENJP2._name == library:
        return calls
    config = importlib.import_module("glymur.config")
    configured = config.glymur_config

    def configure(name: str) -> Any:
        return ctypes.CDLL(library) if name == "openjp2" else configured(name)

    with _replaced(config, "glymur_config", configure):
        calls = importlib.reload(calls)
    importlib.reload(importlib.import_module("glymur.version"))  # it keeps the first library's version
    return calls


@contextmanager
def _replaced(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


def _declare(library: Any) -> None:
    """Declares the calls that glymur does not wrap, or wraps for UTF-8 file names only."""
    library.opj_stream_create_default_file_stream.argtypes = [ctypes.c_char_p, ctypes.c_int32]
    library.opj_stream_create_default_file_stream.restype = ctypes.c_void_p
    library.opj_set_decoded_resolution_factor.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    if hasattr(library, "opj_decoder_set_strict_mode"):  # 2.5.0; strict is the default since
        library.opj_decoder_set_strict_mode.argtypes = [ctypes.c_void_p, ctypes.c_int32]
        library.opj_decoder_set_strict_mode.restype = ctypes.c_int32


class Decoder:
    """An open codec that has read the main header; made by `open_decoder`.

    Its methods raise ImageError with OpenJPEG's own words: OUT_OF_MEMORY, UNSUPPORTED, TRUNCATED or CORRUPT.
    It does not read what follows the codestream (opj_end_decompress): `Jp2File` does, and a broken box there must
    not cost the picture.
    """

    def __init__(self, codec: Any, stream: Any, image: Any, messages: DecoderMessages) -> None:
        self._calls = glymur_calls()
        self._codec, self._stream, self._image = codec, stream, image
        self._messages = messages

    def whole(self) -> None:
        self._call("decode", self._codec, self._stream, self._image)

    def reduced(self, levels: int) -> None:
        """Decodes it whole, without the finest resolutions."""
        factor = self._calls.OPENJP2.opj_set_decoded_resolution_factor
        if not factor(self._codec, levels):
            raise decoding_error(self._messages.errors, self._messages.warnings)
        self.whole()

    def area(self, area: Area) -> None:
        """Decodes an area of the reference grid; may be called again only if the image is untiled."""
        self._call("set_decode_area", self._codec, self._image, *area)
        self._call("decode", self._codec, self._stream, self._image)

    def tile(self, index: int) -> None:
        self._call("get_decoded_tile", self._codec, self._stream, self._image, index)

    def planes(self) -> list[DecodedPlane]:
        """The components as they are now, without a copy."""
        image = self._image.contents
        return [_plane(image.comps[index]) for index in range(image.numcomps)]

    def tile_parts_read(self) -> set[TilePartStart]:
        return tile_parts_read(self._calls.OPENJP2, self._codec)

    def describe(self) -> list[tuple[int, bool, int, int]]:
        """Bits, signedness, dx and dy of every component, as OpenJPEG read them."""
        image = self._image.contents
        parts = (image.comps[index] for index in range(image.numcomps))
        return [(part.prec, bool(part.sgnd), part.dx, part.dy) for part in parts]

    def _call(self, name: str, *arguments: Any) -> None:
        try:
            getattr(self._calls, name)(*arguments)
        except self._calls.OpenJPEGLibraryError as error:
            raise decoding_error(self._messages.errors, self._messages.warnings) from error
        refuse_left_out(self._messages)


def _plane(part: Any) -> DecodedPlane:
    if not part.data:
        raise ImageError(Cause.CORRUPT, Stage.DECODING, "OpenJPEG decoded a component to nothing")
    address = ctypes.cast(part.data, ctypes.c_void_p).value
    assert address is not None
    memory = (ctypes.c_int32 * (part.w * part.h)).from_address(address)
    samples = np.frombuffer(memory, np.int32).reshape(part.h, part.w)
    return DecodedPlane(samples, part.x0, part.y0, part.dx, part.dy)


@contextmanager
def open_decoder(
    path: str,
    container: Container,
    messages: DecoderMessages,
    threads: int = 1,
    patches: Sequence[Patch] = (),
    *,
    strict: bool = True,
) -> Iterator[Decoder]:
    """A decoder on a file handle of its own; everything is freed when the block ends.

    It reads `patches` in place of the bytes that the file has there. If it is not strict, it decodes what is there of a
    file that was cut.
    """
    calls = glymur_calls()
    library = calls.OPENJP2
    with ExitStack() as stack:
        if patches:
            stream = stack.enter_context(patched_stream(library, path, patches))
        else:
            stream = library.opj_stream_create_default_file_stream(os.fsencode(path), 1)
            if not stream:
                raise ImageError(Cause.SOURCE_UNREADABLE, Stage.DECODING, f"OpenJPEG cannot open {path}")
            stack.callback(calls.stream_destroy, stream)
        is_raw = container is Container.CODESTREAM
        codec = calls.create_decompress(calls.CODEC_J2K if is_raw else calls.CODEC_JP2)
        if not codec:
            raise ImageError(Cause.OUT_OF_MEMORY, Stage.DECODING, "no memory for OpenJPEG's decoder")
        stack.callback(calls.destroy_codec, codec)
        calls.set_info_handler(codec, messages.on_info)
        calls.set_warning_handler(codec, messages.on_warning)
        calls.set_error_handler(codec, messages.on_error)
        parameters = calls.set_default_decoder_parameters()
        parameters.flags |= _RAW_CHANNELS
        try:
            calls.setup_decoder(codec, parameters)
            if hasattr(library, "opj_decoder_set_strict_mode"):
                library.opj_decoder_set_strict_mode(codec, int(strict))
            if threads > 1:  # because one thread still starts a pool of one
                calls.codec_set_threads(codec, threads)
            image = calls.read_header(stream, codec)
        except calls.OpenJPEGLibraryError as error:
            raise decoding_error(messages.errors, messages.warnings) from error
        stack.callback(calls.image_destroy, image)
        refuse_left_out(messages)
        yield Decoder(codec, stream, image, messages)


_WORDS: Sequence[tuple[Cause, tuple[str, ...]]] = (
    (
        Cause.OUT_OF_MEMORY,
        (
            "not enough memory",
            "insufficient memory",
            "allocat",
            "out of memory",
            "unexpected oom",
            "memory error",
            "exceeds system limits",
        ),
    ),
    (
        Cause.UNSUPPORTED,
        (
            "not support",
            "yet supported",
            "unsupported",
            "only supports",
            "cannot take in charge",
            "cannot handle box of undefined sizes",
            "cannot handle box sizes higher",
            "implementation limitation",
            "32 bits are not enough",
        ),
    ),
    (
        Cause.TRUNCATED,
        (
            "stream too short",
            "stream reached its end",
            "stream length",
            "truncated",
            "unexpected end",
            "end of stream",
            "missing tile",
        ),
    ),
)
"""Words in OpenJPEG's messages (2.5's j2k.c, jp2.c, t2.c, tcd.c) that show the cause; without one it is CORRUPT."""


def decoding_error(errors: Sequence[str], warnings: Sequence[str] = ()) -> ImageError:
    """OpenJPEG's messages as a failure: the first error is nearest to the fault, later ones follow from it."""
    message = "; ".join(errors[:3]) or "it failed without a message"
    lowered = " ".join((*errors, *(() if errors else warnings))).lower()
    for cause, words in _WORDS:
        if any(word in lowered for word in words):
            return ImageError(cause, Stage.DECODING, f"OpenJPEG: {message}")
    return ImageError(Cause.CORRUPT, Stage.DECODING, f"OpenJPEG: {message}")


def refuse_left_out(messages: DecoderMessages) -> None:
    """UNSUPPORTED if OpenJPEG only warns that it leaves a component transform of Part 2 out (opj_j2k_read_mcc)."""
    for warning in messages.warnings:
        if warning.lower().startswith("cannot take in charge"):
            raise ImageError(Cause.UNSUPPORTED, Stage.DECODING, f"OpenJPEG: {warning}")
