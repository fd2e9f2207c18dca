"""One image from its JP2 to a proved JPEG on scratch: read, validated, decoded, encoded, proved, named."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.atomic_files import sync_directory
from engine.conversion.source_file import WatchedSource
from engine.conversion.verify import Expected, Proof, prove
from engine.failures import Cause, ImageError, Stage
from engine.jp2.decoding.colour import recipe_for
from engine.jp2.decoding.decode import decoded
from engine.jp2.decoding.openjpeg import Messages
from engine.jp2.header import Header, read_header
from engine.jp2.validation.validate import check_structure
from engine.jpeg.encode import Written, write_jpeg
from engine.jpeg.metadata import leading_markers
from engine.jpeg.render import Rendered, check_sides, render
from engine.memory.usage import give_memory_back, peak_rss_bytes, reset_peak
from engine.messages import Converted, Job

OnStage = Callable[[Stage], None]


@dataclass(frozen=True)
class _Made:
    width: int
    height: int
    written: Written
    proof: Proof


def convert_image(job: Job, on_stage: OnStage) -> Converted:
    """Writes `job.scratch_path`, proved and fsynced, or nothing at all.

    Raises ImageError, its `warnings` holding what had been warned of by then. Whatever happens, no partial
    JPEG and no pixel file stay behind.
    """
    reset_peak()
    wall_start, cpu_start = time.monotonic(), time.process_time()
    progress = _Progress(on_stage)
    try:
        progress.enter(Stage.READING)
        source = WatchedSource(job.source_path)
        digest = source.digest(job.checksum)
        try:
            made = _convert(job, source, progress)
        except ImageError:
            source.check_unchanged()  # of a file that changed under way no verdict holds
            raise
    except (ImageError, MemoryError, OSError) as error:
        failed = _as_image_error(error, progress.stage)
        failed.warnings = progress.warnings
        raise failed from error
    finally:
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
        psnr_db=made.proof.psnr_db,
        warnings=progress.warnings,
        peak_rss_bytes=peak_rss_bytes(),
        cpu_s=time.process_time() - cpu_start,
        wall_s=time.monotonic() - wall_start,
    )


class _Progress:
    """Where a conversion is, and what has been warned of so far."""

    def __init__(self, on_stage: OnStage) -> None:
        self._on_stage = on_stage
        self._said: list[str] = []
        self.decoder = Messages()
        self.stage = Stage.READING

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self._on_stage(stage)

    def warn(self, *messages: str) -> None:
        self._said += [message for message in messages if message not in self._said]

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._said, *(f"OpenJPEG: {message}" for message in self.decoder.warnings))


def _convert(job: Job, source: WatchedSource, progress: _Progress) -> _Made:
    header = read_header(job.source_path)
    progress.warn(*header.warnings)
    progress.warn(*check_structure(job.source_path, header))
    holes = source.holes.warnings(header)
    progress.warn(*holes)
    if job.strict and holes:
        raise ImageError(Cause.CORRUPT, Stage.VALIDATING, f"strict = true, and {holes[0]}")
    check_sides(header.width, header.height, job.jpeg.oversize)
    recipe = recipe_for(header, job.jpeg.icc, job.jpeg.background)
    progress.warn(*recipe.warnings)
    progress.enter(Stage.DECODING)
    pixel_file = Path(job.scratch_path + ".pixels")
    with decoded(job.source_path, header, job.plan, recipe, progress.decoder, pixel_file) as picture:
        if job.strict and progress.decoder.warnings:
            message = f"strict = true, and OpenJPEG warns: {'; '.join(progress.decoder.warnings[:3])}"
            raise ImageError(Cause.CORRUPT, Stage.DECODING, message)
        progress.enter(Stage.ENCODING)
        rendered = render(picture, recipe)
        progress.warn(*rendered.warnings)
        return _encode_and_prove(job, source, header, rendered, progress)


def _encode_and_prove(
    job: Job, source: WatchedSource, header: Header, rendered: Rendered, progress: _Progress
) -> _Made:
    """Under a temporary name until it is proved and on disk; that name never outlives this call."""
    target = Path(job.scratch_path)
    part = Path(job.scratch_path + ".part")
    markers, warnings = leading_markers(header, rendered.icc, rendered.scale, job.jpeg.metadata == "keep")
    progress.warn(*warnings)
    expected = Expected(
        rendered.image, job.jpeg.quality, job.jpeg.chroma_halved, rendered.icc, rendered.settle
    )
    try:
        with part.open("wb") as file:
            written = write_jpeg(file, rendered, job.jpeg, markers)
            file.flush()
            os.fsync(file.fileno())
        progress.enter(Stage.PROVING)
        proof = prove(part, expected, job.jpeg.verify)
        source.check_unchanged()
        part.replace(target)
        sync_directory(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return _Made(rendered.image.width, rendered.image.height, written, proof)


_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _as_image_error(error: Exception, stage: Stage) -> ImageError:
    if isinstance(error, ImageError):
        return error
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        said = str(error) or "no memory for the pixels"
        return ImageError(Cause.OUT_OF_MEMORY, stage, said)
    if getattr(error, "errno", None) in _NO_SPACE:
        return ImageError(Cause.DISK_FULL, stage, f"no room on scratch: {error}")
    return ImageError(Cause.INTERNAL, stage, f"{type(error).__name__}: {error}")
