"""CPU seconds of the whole conversion beside OpenJPEG's decode plus libvips' encode of the same file.

    python -m bench.conversion [REPEATS] [DIRECTORY]

Images of 12 and 39 megapixels, lossless, tiled and untiled. Each figure comes from a fresh process that has
converted one small image before, as a worker has. The bare process makes the codec's calls alone: no header
reading, no structure tests, no digest, no turning of samples into pixels, no proof, no fsync; only what it
spends inside OpenJPEG and inside libvips counts. Both are measured in turns, and the ratio is of the least
CPU times, which other work on the machine disturbs the least.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.demo.jp2_boxes import Wrapping
from engine.demo.jp2_encoder import Encoding, write_jp2

WORK = Path(__file__).parent / "made"
REPEATS = 5
LIMIT = 1.10
"""The engine adds at most 10 %."""


@dataclass(frozen=True)
class Subject:
    """An image to measure with."""

    name: str
    width: int
    height: int
    tile: int | None

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


SUBJECTS = (
    Subject("12 Mpx untiled", 4000, 3000, None),
    Subject("12 Mpx, tiles of 1024", 4000, 3000, 1024),
    Subject("39 Mpx untiled", 7216, 5412, None),
    Subject("39 Mpx, tiles of 1024", 7216, 5412, 1024),
)


@dataclass(frozen=True)
class Cost:
    """CPU seconds."""

    total_s: float
    decode_s: float = 0.0
    encode_s: float = 0.0


def make_subject(directory: Path, subject: Subject) -> Path:
    """The subject's file, made once: a page of a newspaper in colour, with an ICC profile."""
    from engine.demo.canvas import samples
    from engine.demo.newspaper import newspaper
    from engine.demo.painting import profile

    tiles = f"-{subject.tile}" if subject.tile else ""
    path = directory / f"{subject.width}x{subject.height}{tiles}.jp2"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        pixels = samples(newspaper(np.random.default_rng(7), subject.width, subject.height, 9.0), 8)
        tile = (subject.tile, subject.tile) if subject.tile else None
        unfinished = path.with_suffix(".part")
        write_jp2(
            unfinished, pixels, Encoding(tile=tile), Wrapping(icc=profile("p3"), capture_dpi=(300, 300))
        )
        unfinished.replace(path)
    return path


def convert(path: Path) -> Cost:
    """The engine's whole conversion, as a worker does it."""
    from engine.config import JpegSettings
    from engine.conversion.convert import convert_image
    from engine.failures import Stage
    from engine.jp2.jp2_file import read_header
    from engine.messages import DecodeMode, Job, Plan

    def ignore(stage: Stage) -> None:
        pass

    with tempfile.TemporaryDirectory() as scratch:
        mode = DecodeMode.TILES if read_header(str(path)).is_tiled else DecodeMode.WHOLE
        job = Job(1, 1, "", str(path), "", f"{scratch}/1.jpg", JpegSettings(), False, Plan(mode))
        started = time.process_time()
        convert_image(job, ignore)
        return Cost(time.process_time() - started)


def bare(path: Path) -> Cost:
    """OpenJPEG's decode and libvips' encode, and nothing else, on glymur's calls."""
    from engine.jp2.decoding.openjpeg import glymur_calls
    from engine.jpeg.libvips import Image

    calls = glymur_calls()
    library = calls.OPENJP2
    stream = library.opj_stream_create_default_file_stream(str(path).encode(), 1)
    codec = calls.create_decompress(calls.CODEC_JP2)
    calls.setup_decoder(codec, calls.set_default_decoder_parameters())
    started = time.process_time()
    image = calls.read_header(stream, codec)
    decode_s = time.process_time() - started
    grid = image.contents
    width, height = grid.x1 - grid.x0, grid.y1 - grid.y0
    pixels = np.empty((height, width, grid.numcomps), np.uint8)
    tiles = -(-width // 1024) * -(-height // 1024) if "-1024" in path.name else 0
    for index in range(max(1, tiles)):
        started = time.process_time()
        if tiles:
            calls.get_decoded_tile(codec, stream, image, index)
        else:
            calls.decode(codec, stream, image)
        decode_s += time.process_time() - started
        for band in range(grid.numcomps):
            part = grid.comps[band]
            plane = np.ctypeslib.as_array(part.data, (part.h, part.w))
            pixels[part.y0 : part.y0 + part.h, part.x0 : part.x0 + part.w, band] = plane
    for release, what in (
        (calls.image_destroy, image),
        (calls.destroy_codec, codec),
        (calls.stream_destroy, stream),
    ):
        release(what)
    with tempfile.TemporaryDirectory() as scratch:
        source = Image.new_from_memory(pixels, width, height, pixels.shape[2], "uchar")
        started = time.process_time()
        source.jpegsave(f"{scratch}/1.jpg", Q=92, subsample_mode="off", optimize_coding=False)
        encode_s = time.process_time() - started
    return Cost(decode_s + encode_s, decode_s, encode_s)


def in_fresh_process(work: Callable[[Path], Cost], path: Path, warm: Path) -> Cost:
    """Its cost in a new process, after the same work on a small image."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(work, warm).result()
        return pool.submit(work, path).result()


def measure(subject: Subject, directory: Path, repeats: int) -> float:
    """Prints the figures; gives the ratio."""
    warm = make_subject(directory, Subject("", 256, 192, None))
    path = make_subject(directory, subject)
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for _ in range(repeats):
        theirs.append(in_fresh_process(bare, path, warm))
        ours.append(in_fresh_process(convert, path, warm))
    least, base = min(cost.total_s for cost in ours), min(theirs, key=lambda cost: cost.total_s)
    pairs = [a.total_s / b.total_s for a, b in zip(ours, theirs, strict=True)]
    ratio = least / base.total_s
    print(
        f"{subject.name:<24} {path.stat().st_size / 1e6:5.1f} MB   engine {least:6.2f}   "
        f"decode {base.decode_s:6.2f} + encode {base.encode_s:5.2f} = {base.total_s:6.2f}   "
        f"ratio {ratio:.3f}   (median of pairs {statistics.median(pairs):.3f})",
        flush=True,
    )
    return ratio


def main(repeats: int, directory: Path, subjects: Sequence[Subject] = SUBJECTS) -> int:
    print(f"CPU seconds, least of {repeats}")
    worst = max(measure(subject, directory, repeats) for subject in subjects)
    print(f"the engine adds {100 * (worst - 1):.1f} % at most; {100 * (LIMIT - 1):.0f} % are allowed")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    sys.exit(main(wanted, Path(sys.argv[2]) if len(sys.argv) > 2 else WORK))
