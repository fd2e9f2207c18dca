"""One image from its JPEG 2000 file to a verified JPEG on scratch: read, validated, decoded, encoded, verified."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from engine.conversion.decoding import Decoding
from engine.conversion.source_file import SourceFile
from engine.conversion.verify import ExpectedJpeg, Verification, verify_jpeg
from engine.failures import Cause, ImageError, Stage, system_error_text, unforeseen_text
from engine.files.atomic_files import sync_directory
from engine.gpu.client import GpuClient
from engine.gpu_messages import GpuOutcome
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.decoding.pixel_memory import PixelMemory
from engine.jp2.validation.validate import check_structure
from engine.jpeg.encode import Written, write_jpeg
from engine.jpeg.limits import check_sides
from engine.jpeg.metadata import leading_markers, metadata_to_write
from engine.jpeg.render import Rendered, render
from engine.memory.usage import give_memory_back, peak_rss_bytes, reset_peak
from engine.messages import Converted, Job
from engine.scratch import DISK_ERRORS

OnStage = Callable[[Stage], None]
OnGpu = Callable[[GpuOutcome | None], None]
"""None: it is asked, and waited for."""


class _Made(Struct, frozen=True):
    width: int
    height: int
    written: Written
    verification: Verification


def convert_image(
    job: Job,
    on_stage: OnStage,
    gpu: GpuClient | None = None,
    on_gpu: OnGpu = lambda outcome: None,
    memory: PixelMemory | None = None,
) -> Converted:
    """Writes `job.scratch_path`, verified and fsynced, or nothing at all.

    Raises ImageError, which carries the warnings up to then. Whatever happens, no partial JPEG and no pixel file
    are left. `gpu` is the worker's, which is used if the job says so; what came of that is told to `on_gpu`. `memory`
    is the worker's too, and may keep the pixels' memory for the next image.
    """
    reset_peak()
    wall_start, cpu_start = time.monotonic(), time.process_time()
    progress = _Progress(on_stage)
    gpu = gpu or GpuClient()
    decoding = Decoding(job, gpu, on_gpu, memory)
    opened: SourceFile | None = None
    try:
        progress.enter(Stage.READING)
        with SourceFile(job.source_path) as source:
            opened = source
            digest = source.digest(job.checksum)
            try:
                made = _convert(job, source, decoding, progress)
            except ImageError:
                source.check_unchanged()  # because no failure of a file that changed under way is its own
                raise
    except (ImageError, MemoryError, OSError) as error:
        failed = _as_image_error(error, progress.stage, Path(job.scratch_path).parent)
        failed.warnings = progress.warnings
        if opened is not None:
            failed.source_bytes, failed.source_digest = opened.size, opened.digested
        raise failed from error
    finally:
        gpu.image_done()
        give_memory_back()
    return Converted(
        image_id=job.image_id,
        scratch_path=job.scratch_path,
        width=made.width,
        height=made.height,
        source_bytes=source.size,
        source_digest=digest,
        jpeg_bytes=made.written.jpeg_bytes,
        md5=made.written.md5,
        psnr_db=made.verification.psnr_db,
        warnings=progress.warnings,
        peak_rss_bytes=peak_rss_bytes(),
        cpu_s=time.process_time() - cpu_start,
        wall_s=time.monotonic() - wall_start,
        attempt=job.attempt,
        decoded=decoding.by or "",
    )


class _Progress:
    """The stage of a conversion, and its warnings so far."""

    def __init__(self, on_stage: OnStage) -> None:
        self._on_stage = on_stage
        self._warnings: list[str] = []
        self.decoder = DecoderMessages()
        self.stage = Stage.READING

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self._on_stage(stage)

    def warn(self, *messages: str) -> None:
        self._warnings += [message for message in messages if message not in self._warnings]

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._warnings, *(f"OpenJPEG: {message}" for message in self.decoder.warnings))


def _convert(job: Job, source: SourceFile, decoding: Decoding, progress: _Progress) -> _Made:
    jp2, header = source.jp2, source.jp2.header
    progress.warn(*header.warnings, *jp2.metadata.warnings)
    structure = check_structure(jp2)
    progress.warn(*structure.warnings)
    zero_pages = source.zero_pages.warnings(header)
    progress.warn(*zero_pages)
    if job.strict and zero_pages:
        raise ImageError(Cause.CORRUPT, Stage.VALIDATING, f"strict = true, and {zero_pages[0]}")
    check_sides(header.width, header.height, job.jpeg.oversize)
    colour_plan = plan_colour(header, job.jpeg.icc, job.jpeg.background)
    progress.warn(*colour_plan.warnings)
    progress.enter(Stage.DECODING)
    pixel_file = Path(job.scratch_path + ".pixels")
    with decoding.picture(jp2, structure.features, colour_plan, progress.decoder, pixel_file) as picture:
        if job.strict and progress.decoder.warnings:
            message = f"strict = true, and OpenJPEG warns: {'; '.join(progress.decoder.warnings[:3])}"
            raise ImageError(Cause.CORRUPT, Stage.DECODING, message)
        progress.warn(*picture.warnings)
        progress.enter(Stage.ENCODING)
        rendered = render(picture, colour_plan)
        progress.warn(*rendered.warnings)
        return _encode_and_verify(job, source, rendered, progress)


def _encode_and_verify(job: Job, source: SourceFile, rendered: Rendered, progress: _Progress) -> _Made:
    """Writes under a temporary name until the JPEG is verified and on disk; that name never outlives this call."""
    target = Path(job.scratch_path)
    part = Path(job.scratch_path + ".part")
    metadata = metadata_to_write(source.jp2.metadata, job.jpeg)
    markers, warnings = leading_markers(source.jp2.header, metadata, rendered.icc, rendered.scale)
    progress.warn(*warnings)
    expected = ExpectedJpeg(
        rendered.image, job.jpeg.quality, job.jpeg.chroma_halved, rendered.icc, rendered.release_pages
    )
    try:
        with part.open("wb") as file:
            written = write_jpeg(file, rendered, job.jpeg, markers)
            file.flush()
            os.fsync(file.fileno())
        progress.enter(Stage.PROVING)
        verification = verify_jpeg(part, expected, job.jpeg.verify)
        source.check_unchanged()
        part.replace(target)
        sync_directory(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return _Made(rendered.image.width, rendered.image.height, written, verification)


def _as_image_error(error: Exception, stage: Stage, scratch: Path) -> ImageError:
    """What reads the source raises ImageError itself: another error of a disk, or of a file there, is that of scratch.
    Somebody may have removed or closed that directory."""
    if isinstance(error, ImageError):
        return error
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return ImageError(Cause.OUT_OF_MEMORY, stage, str(error) or "no memory for the pixels")
    if isinstance(error, OSError) and (error.errno in DISK_ERRORS or _is_below(error.filename, scratch)):
        return ImageError(Cause.DISK_FULL, stage, f"scratch cannot be written: {system_error_text(error)}")
    return ImageError(Cause.INTERNAL, stage, unforeseen_text(error))


def _is_below(name: object, directory: Path) -> bool:
    return isinstance(name, str | os.PathLike) and Path(name).is_relative_to(directory)
