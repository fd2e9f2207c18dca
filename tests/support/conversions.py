"""Converts an image in the test's process as a worker does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.config import JpegSettings
from engine.conversion.convert import convert_image
from engine.failures import Stage
from engine.jp2.decoding.pixel_memory import PixelMemory
from engine.messages import Converted, DecodeMode, Job, Plan


def job(source: Path, **changes: Any) -> Job:
    """A job for `source`; settings of [jpeg] (quality=…) and of the job (plan=…, strict=…, checksum=…)."""
    own = {name: changes.pop(name) for name in ("plan", "strict", "checksum") if name in changes}
    return Job(
        image_id=1,
        attempt=1,
        uuid="6d1a4c1e-0000-4000-8000-000000000001",
        source_path=str(source),
        checksum=own.get("checksum", ""),
        scratch_path=str(source.parent / "scratch" / "1.jpg"),
        jpeg=JpegSettings(**changes),
        strict=own.get("strict", False),
        plan=own.get("plan", Plan(DecodeMode.WHOLE)),
    )


def convert(
    source: Path, stages: list[Stage] | None = None, memory: PixelMemory | None = None, **changes: Any
) -> tuple[Converted, Path]:
    """The worker's answer, and the path of the JPEG."""
    (source.parent / "scratch").mkdir(exist_ok=True)
    made = convert_image(job(source, **changes), (stages if stages is not None else []).append, memory=memory)
    return made, Path(made.scratch_path)


def left_behind(source: Path) -> list[str]:
    """The names of the files that are on scratch."""
    return sorted(path.name for path in (source.parent / "scratch").iterdir())
