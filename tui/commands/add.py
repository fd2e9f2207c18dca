"""`photostat add`: adds a collection export to the ledger and says what became of every row."""

from __future__ import annotations

from pathlib import Path

import click

from engine.formatting import counted, integer
from engine.ledger.import_report import LineNote
from engine.manifest.adding import add_to_workspace
from engine.manifest.report import AddReport
from tui.commands.shared.options import complete_batch, existing_file, json_option, workspace_of
from tui.commands.shared.orders import told_when_interrupted
from tui.commands.shared.output import print_json, print_line, print_table
from tui.commands.shared.progress import spinner

_SHOWN = 20
"""Notes of each kind that are printed; --json has up to a thousand."""


@click.command()
@click.argument("export", metavar="CSV", type=click.Path(path_type=Path))
@click.option(
    "--batch", metavar="NAME", shell_complete=complete_batch, help="The batch; without it, the file's name."
)
@click.option(
    "--split-by",
    metavar="COLUMN",
    help="A batch for each value of this column: a number, a header name, or type.",
)
@json_option
@click.pass_context
def add(ctx: click.Context, export: Path, batch: str | None, split_by: str | None, as_json: bool) -> None:
    """Add the rows of a collection export to the ledger.

    The export is CSV (also compressed: .csv.gz) or an Excel workbook (.xlsx). [manifest] in photostat.toml says
    which column is what. Adding the same file again changes nothing; a
    corrected file changes the rows that were corrected. A row that is malformed, or has the target of another
    row, is listed with its line number; the other rows are added, and the exit code is 1. A running engine takes
    the rows and begins with them.
    """
    if batch is not None and split_by is not None:
        raise click.UsageError("--batch and --split-by exclude each other")
    workspace = workspace_of(ctx)
    settings = workspace.config().manifest
    existing_file(export)
    with told_when_interrupted(), spinner("Reading the export") as show:
        report = add_to_workspace(workspace, export, settings, batch=batch, split_by=split_by, show=show)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    ctx.exit(0 if report.all_is_well else 1)


def _print(report: AddReport) -> None:
    print_line(f"{report.export}: {counted(report.rows, 'row')}, read as {report.encoding}.")
    for note in report.notes:
        print_line(f"{note[0].upper()}{note[1:]}.")
    if report.batches:
        print_line()
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
        print_line()
        print_line(
            f"{counted(report.freed, 'image')} no longer collide{'s' if report.freed == 1 else ''}: pending again."
        )
    _print_notes(f"{counted(report.refused, 'row')} refused", report.refused, report.refusals)
    colliding = report.total.colliding
    _print_notes(
        f"{counted(colliding, 'row')} with the target of another row, not to be converted",
        colliding,
        report.collisions,
    )
    _print_notes("Images whose values have changed", len(report.changed), report.changed)
    _print_notes("Rows that occur more than once", len(report.repeated), report.repeated)
    kept = report.total.kept
    _print_notes(f"{counted(kept, 'row')} different from what is converted already", kept, report.kept)
    _print_notes("Targets that differ only in case or Unicode form", len(report.alike), report.alike)


def _print_notes(title: str, count: int, notes: tuple[LineNote, ...]) -> None:
    if not count:
        return
    print_line()
    print_line(f"{title}:")
    for note in notes[:_SHOWN]:
        print_line(f"  line {note.line}: {note.message}")
    if count > _SHOWN:
        print_line(f"  and {integer(count - _SHOWN)} more (--json)")
