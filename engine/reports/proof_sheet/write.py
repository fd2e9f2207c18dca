"""Makes a proof sheet of a workspace: draws the sample, examines it, writes the page."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.formatting import long_date
from engine.ledger.reader import LedgerReader
from engine.memory.available import MemoryReader
from engine.reports.proof_sheet.draw import draw_sample
from engine.reports.proof_sheet.page import Sheet, render
from engine.reports.proof_sheet.sample_image import Specimen, Unreadable, examine
from engine.workspace import Workspace

_MEMORY_SHARE = 0.5
"""Of what is available: an engine may be at work beside this."""


@dataclass(frozen=True)
class Request:
    batch: str | None
    sample: int
    qualities: tuple[int, ...]
    seed: int
    page: Path


def write_proofsheet(
    workspace: Workspace,
    reader: LedgerReader,
    request: Request,
    progress: Callable[[int, int], None] = lambda there, total: None,
) -> Sheet:
    """Writes the page whole or not at all, and gives what is on it. Raises OSError."""
    config = workspace.config()
    rows = draw_sample(reader, request.batch, request.sample, request.seed)
    scratch = workspace.scratch_dir(config)
    scratch.mkdir(parents=True, exist_ok=True)
    memory = MemoryReader(config.engine.memory_limit)
    threads = os.cpu_count() or 1
    examined: list[Specimen | Unreadable] = []
    with tempfile.TemporaryDirectory(prefix="proof-", dir=scratch) as directory:
        for row in rows:
            progress(len(examined), len(rows))
            budget = int(memory.read().available_bytes * _MEMORY_SHARE)
            source = workspace.source_dir(config) / row.source
            settings = config.jpeg_for(row.batch)
            examined.append(
                examine(row, source, settings, request.qualities, budget, threads, Path(directory))
            )
    sheet = Sheet(
        title=workspace.root.name if request.batch is None else f"{workspace.root.name}: {request.batch}",
        made=long_date(time.time()),
        seed=request.seed,
        qualities=request.qualities,
        specimens=tuple(one for one in examined if isinstance(one, Specimen)),
        unreadable=tuple(one for one in examined if isinstance(one, Unreadable)),
        drawn_from=reader.count(batch=request.batch),
    )
    write_whole(request.page, render(sheet))
    return sheet


def write_whole(path: Path, content: str) -> None:
    """Writes a text file that takes its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def parse_qualities(text: str) -> Sequence[int]:
    """`85,92,95` in rising order, each once; raises ValueError for anything else."""
    values = sorted({int(part) for part in text.split(",")})
    if not all(1 <= value <= 100 for value in values):
        raise ValueError("a JPEG's quality is from 1 to 100")
    return values
