"""Where the source and the JPEG of an image of the ledger are."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config import Config
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from engine.renditions.request import NoRendition, Original, ScratchJpeg, SourceFile, StoredJpeg
from engine.workspace import Workspace


@dataclass(frozen=True)
class Originals:
    """Of one image."""

    source: Original
    jpeg: Original | NoRendition


def originals_of(workspace: Workspace, config: Config, reader: LedgerReader, image: ImageRow) -> Originals:
    """The JPEG is in the store once the image is done, and on scratch while it waits for that."""
    source = SourceFile(workspace.source_paths(config).path(image.source))
    if image.state == ImageState.DONE:
        return Originals(source, StoredJpeg(str(workspace.root), image.target))
    if waiting := reader.waiting_jpeg(image.id):
        return Originals(source, ScratchJpeg(waiting))
    is_now = "has failed" if image.state == ImageState.FAILED else f"is {image.state.replace('_', ' ')}"
    return Originals(source, NoRendition(f"There is none: the image {is_now}."))
