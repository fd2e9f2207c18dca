"""Makes the page of a review: draws the sample, fetches the JPEGs, decodes the sources, writes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.config import Config
from engine.failures import UserError
from engine.files.atomic_files import replacing
from engine.files.temporary_directories import temporary_directory
from engine.ledger.known_store import known_store
from engine.ledger.reader import LedgerReader
from engine.memory.available import MemoryReader
from engine.reports.rendered_source import DecodingRoom
from engine.reports.review.draw import Drawn, draw, how_drawn
from engine.reports.review.look import Finding, ReviewedImage, look_at
from engine.reports.review.page import ReviewSheet, render
from engine.store.base import Store, StoreError
from engine.store.open import open_store
from engine.workspace import Workspace

MOST_IMAGES = 72
"""That a page shows; with at most so many pairs of crops it has less than 80 MB, whatever the pictures."""
_MOST_CROPS = 3
_MEMORY_SHARE = 0.5
"""Of what is available, because an engine may be running beside this."""


@dataclass(frozen=True)
class ReviewRequest:
    batch: str
    sample: int
    """Images to draw, at most MOST_IMAGES."""
    seed: int


def make_review(
    workspace: Workspace,
    reader: LedgerReader,
    request: ReviewRequest,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReviewSheet:
    """Raises UserError if nothing of the batch is delivered or the store does not answer; OSError."""
    config = workspace.config()
    with reader.one_view():
        standing = reader.standing(request.batch)
        candidates = reader.candidates(request.batch)
    if not candidates:
        raise UserError(f"no image of batch {request.batch} is delivered yet: there is nothing to review")
    drawn = draw(candidates, request.sample, request.seed)
    scratch = workspace.scratch_dir(config)
    scratch.mkdir(parents=True, exist_ok=True)
    known = known_store(reader, workspace.root)
    with (
        temporary_directory(scratch, "review") as directory,
        closing(open_store(config.store, workspace.root, known)) as store,
    ):
        looking = _Looking(workspace, config, reader, store, directory, len(drawn))
        seen: list[ReviewedImage | Finding] = []
        for number, one in enumerate(drawn):
            progress(number, len(drawn))
            found = looking.at(one)
            if found is not None:
                seen.append(found)
    return ReviewSheet(
        title=workspace.root.name,
        ledger=reader.identity,
        made=time.time(),
        how=how_drawn(drawn, len(candidates), request.seed),
        seed=request.seed,
        standing=standing,
        images=tuple(one for one in seen if isinstance(one, ReviewedImage)),
        findings=tuple(one for one in seen if isinstance(one, Finding)),
    )


class _Looking:
    def __init__(
        self,
        workspace: Workspace,
        config: Config,
        reader: LedgerReader,
        store: Store,
        scratch: Path,
        images: int,
    ) -> None:
        self._sources = workspace.source_paths(config)
        self._config = config
        self._reader = reader
        self._store = store
        self._scratch = scratch
        self._memory = MemoryReader(config.engine.memory_limit)
        self._most_crops = max(1, min(_MOST_CROPS, MOST_IMAGES // images))

    def at(self, drawn: Drawn) -> ReviewedImage | Finding | None:
        """None if the image has been taken up again since it was drawn."""
        row = self._reader.image(drawn.image)
        if row is None or row.state != "done":
            return None
        budget_bytes = int(self._memory.read().available_bytes * _MEMORY_SHARE)
        room = DecodingRoom(budget_bytes, os.cpu_count() or 1, self._scratch)
        source = Path(self._sources.path(row.source))
        settings = self._config.jpeg_for(row.batch).with_own(row.quality, row.subsampling)
        try:
            return look_at(row, drawn.reason, source, self._store, settings, room, self._most_crops)
        except StoreError as error:
            raise UserError(f"the delivered JPEGs cannot be read: {error.failure.message}") from error


def write_page(sheet: ReviewSheet, page: Path) -> None:
    """Whole or not at all. Raises OSError."""
    page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as file:
        file.writelines(render(sheet))
