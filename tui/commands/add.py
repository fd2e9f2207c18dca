"""`photostat add`: a collection export into the ledger, and what became of every row."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from engine.formatting import counted, integer, visible
from engine.ledger.import_rows import Remark
from engine.ledger.writer import Ledger
from engine.manifest.importer import AddReport
from engine.manifest.importer import add as add_export
from tui.commands.shared import (
    complete_batch,
    existing_file,
    json_option,
    print_json,
    print_table,
    say,
    workspace_of,
)

_SHOWN = 20
"""Remarks of each kind; --json has up to a thousand."""


@click.command()
@click.argument("export", metavar="CSV", type=click.Path(path_type=Path))
@click.option(
    "--batch", metavar="NAME", shell_complete=complete_batch, help="The batch; else the file's name says it."
)
@click.option(
    "--split-by",
    metavar="COLUMN",
    help="A batch for each value of this column: a number, a header name, or type.",
)
@json_option
@click.pass_context
def add(ctx: click.Context, export: Path, batch: str | None, split_by: str | None, as_json: bool) -> None:
    """Bring the rows of a collection export into the ledger.

    Which column is what stands under [manifest] in photostat.toml. Adding the same file again changes nothing;
    a corrected one changes the rows that were corrected. A row that is malformed, or collides with another, is
    told with its line number and does the others no harm; then the exit code is 1.
    """
    if batch is not None and split_by is not None:
        raise click.UsageError("--batch and --split-by exclude each other")
    workspace = workspace_of(ctx)
    settings = workspace.config().manifest
    existing_file(export)
    console = Console(stderr=True, highlight=False)
    with Ledger.open(workspace, "add") as ledger, console.status("Reading the export") as status:
        report = add_export(
            ledger,
            export,
            settings,
            batch=batch,
            split_by=split_by,
            progress=lambda rows: status.update(f"{integer(rows)} rows read"),
        )
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    ctx.exit(0 if report.all_is_well else 1)


def _print(report: AddReport) -> None:
    say(f"{report.export}: {counted(report.rows, 'row')}, read as {report.encoding}.")
    for note in report.notes:
        say(f"{note[0].upper()}{note[1:]}.")
    if report.batches:
        click.echo()
        batches = [*report.batches, report.total] if len(report.batches) > 1 else list(report.batches)
        columns = ["new", "known", "changed", "kept as done", "colliding"]
        print_table(
            ["batch", *columns],
            [
                [b.batch or "all", *map(integer, (b.new, b.known, b.changed, b.kept, b.colliding))]
                for b in batches
            ],
            right=columns,
        )
    if report.freed:
        click.echo()
        say(f"{counted(report.freed, 'image')} collided before and no longer: pending again.")
    _remarks(f"{counted(report.refused, 'row')} refused", report.refused, report.refusals)
    colliding = report.total.colliding
    _remarks(f"{counted(colliding, 'row')} colliding, not to be converted", colliding, report.collisions)
    _remarks("Images with other values than before", len(report.changed), report.changed)
    _remarks("Rows that are there more than once", len(report.repeated), report.repeated)
    kept = report.total.kept
    _remarks(f"{counted(kept, 'row')} other than what is done already", kept, report.kept)
    _remarks("Take care", len(report.alike), report.alike)


def _remarks(title: str, count: int, remarks: tuple[Remark, ...]) -> None:
    if not count:
        return
    click.echo(f"\n{title}:")
    for remark in remarks[:_SHOWN]:
        click.echo(f"  line {remark.line}: {visible(remark.message)}")
    if count > _SHOWN:
        click.echo(f"  and {integer(count - _SHOWN)} more (--json)")
