"""Makes a proof sheet of a workspace: draws the sample, encodes it, writes the page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.files.atomic_files import replacing
from engine.files.temporary_directories import temporary_directory
from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader
from engine.memory.available import MemoryReader
from engine.reports.proof_sheet.page import ProofSheet, render
from engine.reports.proof_sheet.random_sample import draw_sample
from engine.reports.proof_sheet.sample_image import SampleImage, Trial, UnreadableImage, encode_sample
from engine.workspace import Workspace

_MEMORY_SHARE = 0.5
"""Of what is available, because an engine may be running beside this."""


@dataclass(frozen=True)
class ProofSheetRequest:
    batch: str | None
    sample: int
    """Images to draw."""
    qualities: tuple[int, ...]
    seed: int
    page: Path


def write_proof_sheet(
    workspace: Workspace,
    reader: LedgerReader,
    request: ProofSheetRequest,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ProofSheet:
    """Writes the page whole or not at all, and returns what is on it. Raises OSError."""
    config = workspace.config()
    rows = draw_sample(reader, request.batch, request.sample, request.seed)
    scratch = workspace.scratch_dir(config)
    scratch.mkdir(parents=True, exist_ok=True)
    memory = MemoryReader(config.engine.memory_limit)
    encoded: list[SampleImage | UnreadableImage] = []
    with temporary_directory(scratch, "proof") as directory:
        trial = Trial(request.qualities, os.cpu_count() or 1, directory)
        for row in rows:
            progress(len(encoded), len(rows))
            budget_bytes = int(memory.read().available_bytes * _MEMORY_SHARE)
            source = Path(workspace.source_paths(config).path(row.source))
            encoded.append(encode_sample(row, source, config.jpeg_for(row.batch), trial, budget_bytes))
    sheet = ProofSheet(
        title=workspace.root.name if request.batch is None else f"{workspace.root.name}: {request.batch}",
        made=time.time(),
        seed=request.seed,
        qualities=request.qualities,
        images=tuple(one for one in encoded if isinstance(one, SampleImage)),
        unreadable=tuple(one for one in encoded if isinstance(one, UnreadableImage)),
        drawn_from=reader.count(ImageFilter(batch=request.batch)),
    )
    request.page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(request.page) as page:
        page.writelines(render(sheet))
    return sheet
