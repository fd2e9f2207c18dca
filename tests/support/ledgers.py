"""Ledgers of any size, written by the ledger's own writer."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from engine.failures import Cause, Failure, Stage
from engine.ledger.import_rows import ExportRow
from engine.ledger.writer import Ledger
from engine.messages import Converted, DecodeMode, Surveyed
from engine.workspace import Workspace

_PAGES = 12
"""Images in a representation."""
_FAILURES = (
    Failure(
        Cause.TRUNCATED, Stage.VALIDATING, "the codestream ends 81,920 bytes before its last tile-part does"
    ),
    Failure(Cause.SOURCE_MISSING, Stage.READING, "no such file"),
    Failure(Cause.CORRUPT, Stage.DECODING, "[bold]markup[/bold] and \x1b[31mcolour\x1b[0m are only text"),
)


def representation(number: int) -> str:
    return str(uuid.UUID(int=0x5EED << 96 | number, version=4))


def export(rows: int, batch: str = "newspapers") -> Iterator[ExportRow]:
    for number in range(rows):
        identity, page = representation(number // _PAGES), number % _PAGES + 1
        name = f"NB_{number // _PAGES:05}_p{page:04}"
        yield ExportRow(
            number + 2,
            batch,
            identity,
            f"B{number // _PAGES:07}",
            f"99{number // _PAGES:08}",
            f"{name}.tif",
            "newspaper",
            f"/mnt/holdings/{identity}/{name}.jp2",
            "",
            f"{batch}/{identity}/{name}.jpg",
        )


def make_ledger(root: Path, rows: int, *, failed: int = 0, done: int = 0) -> Workspace:
    """A workspace whose ledger has `rows` images: the first `failed` of them failed, then `done` done."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "photostat.toml").touch()
    workspace = Workspace(root)
    with Ledger.open(workspace, "add") as ledger:
        ledger.import_rows(export(rows))
        with ledger.transaction():
            for image_id in range(1, failed + 1):
                ledger.failed(image_id, _FAILURES[0 if image_id % 5 < 3 else image_id % 5 - 2])
            for image_id in range(failed + 1, failed + done + 1):
                finish(ledger, image_id)
    return workspace


def surveyed(image_id: int, width: int = 100, height: int = 100) -> Surveyed:
    """What the header of a small image says."""
    return Surveyed(image_id, 5000, width, height, 3, 8, width, height, 5, "srgb")


def converted(image_id: int, psnr_db: float = 45.0) -> Converted:
    """A small JPEG."""
    return Converted(
        image_id=image_id,
        scratch_path=f"scratch/{image_id}.jpg",
        width=100,
        height=100,
        source_bytes=5000,
        source_digest="md5:aa",
        jpeg_bytes=2000,
        md5="bb" * 16,
        psnr_db=psnr_db,
        warnings=(),
        peak_rss_bytes=1,
        cpu_s=1.0,
        wall_s=1.0,
    )


def finish(ledger: Ledger, image_id: int, psnr_db: float = 41.2, warnings: tuple[str, ...] = ()) -> None:
    """Takes an image from pending to done."""
    ledger.surveyed([Surveyed(image_id, 16_800_000, 7216, 5412, 3, 8, 1024, 1024, 6, "srgb")])
    ledger.start(image_id, 4712, 667 << 20, DecodeMode.TILES)
    ledger.converted(
        Converted(
            image_id=image_id,
            scratch_path=f"scratch/{image_id}.jpg",
            width=7216,
            height=5412,
            source_bytes=16_800_000,
            source_digest="md5:9e107d9d372bb6826bd81d3542a419d6",
            jpeg_bytes=6_810_000,
            md5="e4d909c290d0fb1ca068ffaddf22cbd0",
            psnr_db=psnr_db,
            warnings=warnings,
            peak_rss_bytes=612 << 20,
            cpu_s=8.1,
            wall_s=9.4,
        )
    )
    ledger.done(image_id)


def fail_on(ledger: Ledger, host: str, *image_ids: int, message: str = "wrong bytes") -> None:
    """Takes these images from pending to failed, by an attempt on this machine."""
    for image_id in image_ids:
        ledger.surveyed([surveyed(image_id)])
        ledger.start(image_id, 4712, 667 << 20, DecodeMode.TILES, host=host)
        ledger.failed(image_id, Failure(Cause.CORRUPT, Stage.DECODING, message))


if __name__ == "__main__":
    make_ledger(Path(sys.argv[1]), int(sys.argv[2]), failed=int(sys.argv[3]), done=int(sys.argv[4]))
