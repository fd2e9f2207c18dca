"""Decoders that are not photostat's, where they are installed: found, tried on a known picture, and asked for samples.

Each gets the codestream alone, so that boxes, palettes and colours are no matter: components are compared.
"""

from __future__ import annotations

import importlib
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.deep_check.known_pictures import HEIGHT, HIGH_THROUGHPUT, PLAIN, WIDTH, is_known
from engine.deep_check.programs import NoOpinion, Plane, read_pgx, read_planes, read_raw, run
from engine.deep_check.results import OtherDecoder
from engine.jp2.header import Component

_PROBE_TIMEOUT_S = 20.0
_PROBE_MEMORY_BYTES = 8 << 30
_SAME_LIBRARY = "it calls the same OpenJPEG as photostat: this checks the calls, not the library"
_OTHER_BUILD = "another build of the OpenJPEG that photostat calls, so not independent"


@dataclass(frozen=True)
class Task:
    """A codestream in a file, and what its header says of it."""

    codestream: Path
    components: tuple[Component, ...]
    folder: Path
    """For what the decoder writes."""
    memory_bytes: int
    timeout_s: float

    @property
    def bits(self) -> set[int]:
        return {part.bits for part in self.components}

    @property
    def signed(self) -> bool:
        return any(part.signed for part in self.components)

    @property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """Each component's subsampling."""
        return tuple((part.dx, part.dy) for part in self.components)

    def check_alike(self) -> None:
        """Raises NoOpinion if components are subsampled differently: most programs make RGB of such."""
        if len(set(self.steps)) > 1:
            raise NoOpinion("components that are subsampled differently are not compared with it")


class Decoder(ABC):
    name: str
    relation: str
    independent = False

    @abstractmethod
    def version(self, folder: Path) -> str | None:
        """None if it is not installed."""

    @abstractmethod
    def planes(self, task: Task) -> list[Plane]:
        """The samples of every component; raises NoOpinion."""

    def find(self) -> OtherDecoder | None:
        """None if it is not installed; with a problem if it does not decode a known picture right."""
        with tempfile.TemporaryDirectory(prefix="photostat-check-") as name:
            version = self.version(Path(name))
            if version is None:
                return None
            problem = self._problem(Path(name), PLAIN)
            reads_ht = not problem and not self._problem(Path(name), HIGH_THROUGHPUT)
        return OtherDecoder(self.name, version, self.relation, self.independent, reads_ht, problem)

    def _problem(self, folder: Path, codestream: bytes) -> str:
        source = folder / "known.j2k"
        source.write_bytes(codestream)
        parts = (Component(WIDTH, HEIGHT, 1, 1, 8, False),) * 3
        try:
            found = self.planes(Task(source, parts, folder, _PROBE_MEMORY_BYTES, _PROBE_TIMEOUT_S))
        except NoOpinion as error:
            return f"it does not decode a known picture: {error}"
        except Exception as error:  # noqa: BLE001 - a library that is broken is not asked
            return f"it does not decode a known picture: {type(error).__name__}: {error}"
        return "" if is_known(found) else "it decodes a known picture wrongly"


class Program(Decoder):
    version_option: str
    version_pattern: str

    def version(self, folder: Path) -> str | None:
        if shutil.which(self.name) is None:
            return None
        try:
            words = run([self.name, self.version_option], folder, _PROBE_MEMORY_BYTES, _PROBE_TIMEOUT_S)
        except NoOpinion as error:
            words = str(error)
        printed = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
        found = re.search(self.version_pattern, printed) or re.search(self.version_pattern, words)
        return found[1] if found else "of unknown version"

    def run(self, task: Task, *arguments: str) -> str:
        return run([self.name, *arguments], task.folder, task.memory_bytes, task.timeout_s)


_FFMPEG_FORMATS = {
    (1, 8): "gray", (3, 8): "rgb24", (4, 8): "rgba", (1, 16): "gray16le", (3, 16): "rgb48le",
}  # fmt: skip
"""By components and bits: the formats in which it decodes, so that nothing is converted."""


_FFMPEG_SUBSAMPLED: dict[tuple[tuple[int, int], ...], str] = {
    ((1, 1), (2, 2), (2, 2)): "yuv420p", ((1, 1), (2, 1), (2, 1)): "yuv422p", ((1, 1), (1, 2), (1, 2)): "yuv440p",
    ((1, 1), (4, 1), (4, 1)): "yuv411p",
}  # fmt: skip
"""By the components' subsampling, of 8 bits."""


class Ffmpeg(Program):
    name = "ffmpeg"
    relation = "a JPEG 2000 decoder of its own: independent"
    independent = True
    version_option, version_pattern = "-version", r"ffmpeg version (\S+)"

    def planes(self, task: Task) -> list[Plane]:
        depth = next(iter(task.bits)) if len(task.bits) == 1 and not task.signed else 0
        planar = _FFMPEG_SUBSAMPLED.get(task.steps) if depth == 8 else None
        if planar is None:
            task.check_alike()
        pixels = planar or _FFMPEG_FORMATS.get((len(task.components), depth))
        if pixels is None:
            raise NoOpinion("it is asked for 1, 3 or 4 components of 8 bits, and 1 or 3 of 16")
        target = task.folder / "ffmpeg.raw"
        # Its own decoder by name: it can be built with OpenJPEG too.
        self.run(
            task, "-v", "error", "-nostdin", "-y", "-threads", "1", "-c:v", "jpeg2000", "-f", "j2k_pipe",
            "-i", str(task.codestream), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixels, str(target),
        )  # fmt: skip
        return read_planes(target, task.components) if planar else read_raw(target, task.components, "<")


class _PgxWriter(Program):
    def planes(self, task: Task) -> list[Plane]:
        task.check_alike()
        self.run(task, "-i", str(task.codestream), "-o", str(task.folder / f"{self.name}.pgx"))
        names = [task.folder / f"{self.name}_{index}.pgx" for index in range(len(task.components))]
        return [read_pgx(path) for path in names]


class Grok(_PgxWriter):
    name = "grk_decompress"
    relation = "it began as OpenJPEG and was rewritten: partly independent"
    version_option, version_pattern = "-h", r"libgrokj2k v(\S+?)\.?\s"


class OpenJpegProgram(_PgxWriter):
    name = "opj_decompress"
    relation = _OTHER_BUILD
    version_option, version_pattern = "-h", r"openjp2 library v(\S+?)\.?\s"

    def planes(self, task: Task) -> list[Plane]:
        """Components that are subsampled differently one by one: of three together it would make RGB."""
        if len(set(task.steps)) == 1:
            return super().planes(task)
        found = []
        for index in range(len(task.components)):
            target = task.folder / f"component{index}.pgx"
            self.run(task, "-i", str(task.codestream), "-o", str(target), "-c", str(index))
            found.append(read_pgx(task.folder / f"component{index}_0.pgx"))
        return found


class Kakadu(Program):
    name = "kdu_expand"
    relation = "independent"
    independent = True
    version_option, version_pattern = "-v", r"version v?(\d[\w.]*)"

    def planes(self, task: Task) -> list[Plane]:
        if max(task.bits) > 16:
            raise NoOpinion("it is asked for up to 16 bits")
        targets = [task.folder / f"kakadu_{index}.rawl" for index in range(len(task.components))]
        self.run(task, "-i", str(task.codestream), "-o", ",".join(map(str, targets)))
        parts = zip(targets, task.components, strict=True)
        return [read_raw(target, (part,), "<")[0] for target, part in parts]


class Imagecodecs(Decoder):
    name = "imagecodecs"
    relation = _OTHER_BUILD

    def version(self, folder: Path) -> str | None:
        module = _imported("imagecodecs")
        if module is None:
            return None
        return f"{module.__version__}, {module.jpeg2k_version()}"

    def planes(self, task: Task) -> list[Plane]:
        task.check_alike()
        module = _imported("imagecodecs")
        if module is None:
            raise NoOpinion("it is not installed")
        try:
            pixels = np.atleast_3d(module.jpeg2k_decode(task.codestream.read_bytes()))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise NoOpinion(f"{type(error).__name__}: {error}") from error
        return [pixels[:, :, band] for band in range(pixels.shape[2])]


_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Pillow(Decoder):
    name = "Pillow"
    relation = _SAME_LIBRARY

    def version(self, folder: Path) -> str | None:
        from PIL import __version__, features

        library = features.version_codec("jpg_2000")
        return f"{__version__}, OpenJPEG {library}" if library else None

    def planes(self, task: Task) -> list[Plane]:
        from PIL import Image

        mode = _PILLOW_MODES.get(len(task.components))
        if mode is None or task.bits != {8} or task.signed or set(task.steps) != {(1, 1)}:
            raise NoOpinion("it is asked for 1, 3 or 4 components of 8 bits that are not subsampled")
        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(task.codestream) as image:
                if image.mode != mode:
                    raise NoOpinion(f"it reads the components as {image.mode}")
                pixels = np.atleast_3d(np.asarray(image))
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise NoOpinion(f"{type(error).__name__}: {error}") from error
        return [pixels[:, :, band] for band in range(pixels.shape[2])]


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


DECODERS: Sequence[Decoder] = (Ffmpeg(), Kakadu(), Grok(), OpenJpegProgram(), Imagecodecs(), Pillow())
"""The independent ones first."""


def find_decoders() -> tuple[OtherDecoder, ...]:
    """Those that are installed, also those that do not work."""
    return tuple(found for decoder in DECODERS if (found := decoder.find()) is not None)


def decoder_named(name: str) -> Decoder:
    return next(decoder for decoder in DECODERS if decoder.name == name)
