"""Collection exports as text, and a workspace to which they are added."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from engine.config import ManifestSettings
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.manifest.importer import add
from engine.manifest.report import AddReport
from engine.workspace import Workspace
from tests.support.ledgers import finish

U1 = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
U2 = "9f8a1c04-5f6e-4d0f-9b1b-3f0c2f6d7a11"
HEADER = "UUID,Barcode,Record,File name,Type,Path\n"


def row(
    name: str = "a.tif", source: str = "/s/a.jp2", uuid: str = U1, kind: str = "maps", record: str = "R"
) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([uuid, "B", record, name, kind, source])
    return line.getvalue()


class Collection:
    """A workspace and the exports that are added to it."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.init(root)

    def add(
        self,
        text: str | bytes,
        *,
        batch: str | None = "b",
        split_by: str | None = None,
        name: str = "export.csv",
        **settings: object,
    ) -> AddReport:
        path = self.workspace.root / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with Ledger.open(self.workspace, "add") as ledger:
            return add(ledger, path, ManifestSettings(**settings), batch=batch, split_by=split_by)  # type: ignore[arg-type]

    def images(self) -> list[ImageRow]:
        with LedgerReader(self.workspace) as reader:
            return list(reader.iterate())

    def states(self) -> dict[str, str]:
        return {image.source: image.cause or image.state for image in self.images()}

    def finish(self, *ids: int) -> None:
        """These images are done."""
        with Ledger.open(self.workspace) as ledger:
            for image_id in ids:
                finish(ledger, image_id)


def refusals(report: AddReport) -> dict[int, str]:
    return {note.line: note.message for note in report.refusals}
