"""`photostat report`: the account, sizes, times, quality and failures as one HTML page and as CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from engine import __version__
from engine.formatting import integer
from engine.ledger.reader import LedgerReader
from engine.run_account.reading import account_in
from tui.commands.shared.options import batch_option, check_batch, json_option, workspace_of
from tui.commands.shared.output import print_json, print_line
from tui.commands.shared.progress import spinner

if TYPE_CHECKING:
    from engine.reports.account.write import WrittenReport


@click.command()
@batch_option
@click.option(
    "-o",
    "--output",
    "output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where to write; without it, report/ in the workspace.",
)
@json_option
@click.pass_context
def report(ctx: click.Context, batch: str | None, output: Path | None, as_json: bool) -> None:
    """Write the report: report.html to read and print, and CSV files to compute with.

    The page is one file without links to others: it can be sent by mail and opened without a network. The report
    can be written at any time, also while the engine is running.
    """
    from engine.reports.account.write import write_report

    workspace = workspace_of(ctx)
    config = workspace.config()
    directory = output or workspace.root / "report"
    title = workspace.root.name if batch is None else f"{workspace.root.name}: {batch}"
    with (
        LedgerReader(workspace) as reader,
        reader.one_view(),
        spinner("Reading the ledger") as show,
    ):
        check_batch(batch, reader.account())
        written = write_report(
            reader,
            directory,
            title,
            __version__,
            lambda name: config.jpeg_for(name).quality,
            batch,
            lambda images: show(f"{integer(images)} images read"),
            account_in(workspace, reader) if batch is None else None,
        )
    if as_json:
        print_json(_document(written))
        return
    print_line(f"{written.page}")
    for table in written.tables:
        print_line(f"{table}")


def _document(written: WrittenReport) -> dict[str, object]:
    figures = written.figures
    return {
        "page": str(written.page),
        "tables": [str(table) for table in written.tables],
        "totals": structs.asdict(figures.account),
        "representations": figures.representations,
        "complete": figures.complete,
        "source_bytes": figures.source_bytes,
        "jpeg_bytes": figures.jpeg_bytes,
        "failures": {group.cause: group.count for group in figures.failures},
        "far_below": sum(batch.flagged_count for batch in figures.batches),
        "warned": figures.warned_images,
        "decoded": {mode.by: mode.images for mode in figures.decoded.modes},
        "gpu": figures.decoded.gpu(),
        "kinds": [
            {"kind": count.kind.to_json() if count.kind else None}
            | {"images": count.images, "done": count.done, "failed": count.failed, "warned": count.warned}
            for count in figures.kinds.all
        ],
    }
