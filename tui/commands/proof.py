"""`photostat proof`: a page on which a person compares JPEG qualities by eye."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.formatting import counted, data_size
from engine.ledger.models import EQUAL_PSNR_DB
from engine.ledger.reader import LedgerReader
from tui.commands.shared.options import batch_option, check_batch, json_option, workspace_of
from tui.commands.shared.output import print_json, print_line, warn
from tui.commands.shared.progress import progress_bar

if TYPE_CHECKING:
    from engine.reports.proof_sheet.page import ProofSheet


def parse_qualities(text: str) -> tuple[int, ...]:
    """`92,85,95` in rising order, each once; raises ValueError for anything else."""
    values = sorted({int(part) for part in text.split(",")})
    if not all(1 <= value <= 100 for value in values):
        raise ValueError("a JPEG's quality is from 1 to 100")
    return tuple(values)


class Qualities(click.ParamType[tuple[int, ...]]):
    """Numbers from 1 to 100, separated by commas."""

    name = "Q,Q,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        try:
            return parse_qualities(str(value))
        except ValueError:
            self.fail(f"{value!r}: give qualities from 1 to 100, like 85,92,95", param, ctx)


@click.command()
@batch_option
@click.option("--sample", default=20, show_default=True, type=click.IntRange(1, 500), help="How many images.")
@click.option(
    "--quality", default="85,92,95", show_default=True, type=Qualities(), help="The qualities to compare."
)
@click.option("--seed", default=1, show_default=True, help="Another number draws other images.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Without it, proof.html in the workspace.",
)
@json_option
@click.pass_context
def proof(
    ctx: click.Context,
    batch: str | None,
    sample: int,
    quality: tuple[int, ...],
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a proof sheet: a random sample at several JPEG qualities.

    The page is one file. It shows crops of the sources and of the JPEGs side by side, with sizes and PSNR; a
    click shows the source in a JPEG's place. Nothing is stored and the ledger is not changed.
    """
    from engine.reports.proof_sheet.write import ProofSheetRequest, write_proof_sheet

    workspace = workspace_of(ctx)
    page = output or workspace.root / "proof.html"
    with LedgerReader(workspace) as reader, progress_bar("Encoding the sample") as show:
        check_batch(batch, reader.account())
        request = ProofSheetRequest(batch, sample, quality, seed, page)
        sheet = write_proof_sheet(workspace, reader, request, show)
    if as_json:
        print_json(_document(sheet, page))
    else:
        print_line(f"{page} ({counted(len(sheet.images), 'image')}, {data_size(page.stat().st_size)})")
    for one in sheet.unreadable:
        warn(f"{one.row.target}: {one.failure.cause.value}: {one.failure.message}")
    ctx.exit(1 if sheet.unreadable else 0)


def _document(sheet: ProofSheet, page: Path) -> dict[str, Any]:
    return {
        "page": str(page),
        "seed": sheet.seed,
        "images": [
            {
                "id": image.row.id,
                "target": image.row.target,
                "source_bytes": image.source_bytes,
                "candidates": [
                    {
                        "quality": jpeg.quality,
                        "subsampling": jpeg.subsampling,
                        "jpeg_bytes": jpeg.jpeg_bytes,
                        "psnr": min(jpeg.psnr_db, EQUAL_PSNR_DB),
                    }
                    for jpeg in image.jpegs
                ],
            }
            for image in sheet.images
        ],
        "unreadable": [
            {"id": one.row.id, "cause": one.failure.cause.value, "message": one.failure.message}
            for one in sheet.unreadable
        ],
    }
