"""`photostat demo`: makes, adds and converts a small collection, with nothing to configure."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.control.client import running_pid
from engine.control.people import person_here
from engine.demo import DemoReport, make_demo
from engine.formatting import counted, data_size
from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.manifest.importer import add
from engine.workspace import Workspace
from tui.commands.shared.account import print_account
from tui.commands.shared.headless import watch_headless
from tui.commands.shared.output import has_terminal, print_line
from tui.commands.shared.progress import progress_bar


@click.command()
@click.argument("directory", metavar="[DIR]", default="demo", type=click.Path(path_type=Path))
@click.option("--headless", is_flag=True, help="A progress bar until all is done, instead of the TUI.")
@click.pass_context
def demo(ctx: click.Context, directory: Path, headless: bool) -> None:
    """Make a small collection in DIR (or ./demo) and convert it.

    About forty JPEG 2000 images - newspapers, manuscripts, photographs, maps, prints - and their CSV export are
    made, and converted to JPEGs in DIR/out. A few of them have planted faults, to show how failures look.
    Running it again makes and converts only what is missing.
    """
    with_tui = not headless and has_terminal() and sys.stdout.isatty()
    if with_tui:
        from tui.theme_choice import chosen_theme

        chosen_theme()
    report = make_with_progress(directory)
    workspace = Workspace(directory.absolute())
    print_line(
        f"{counted(report.images, 'JPEG 2000 image')} ({data_size(report.source_bytes)}) and "
        f"{counted(len(report.faults), 'planted fault')} are in {directory / 'source'}."
    )
    if running_pid(workspace) is None:
        add_export(workspace, report.export)
    to_convert = not is_finished(workspace)
    if to_convert:
        convert(workspace, with_tui)
    code = conclude(workspace, directory, report, account_is_printed=to_convert and not with_tui)
    ctx.exit(code)


def make_with_progress(directory: Path) -> DemoReport:
    with progress_bar("Making the collection") as show:
        return make_demo(directory, lambda done, total, _: show(done, total))


def add_export(workspace: Workspace, export: Path) -> None:
    """Adds the export to the ledger, with a batch for every material type."""
    with Ledger.open(workspace, "demo") as ledger:
        person = str(person_here())
        added = add(ledger, export, workspace.config().manifest, split_by="type", person=person)
    total = added.total
    if total.new:
        print_line(
            f"{counted(total.new, 'row')} of {export.name} added in {counted(len(added.batches), 'batch', 'batches')}."
        )


def is_finished(workspace: Workspace) -> bool:
    with LedgerReader(workspace) as reader:
        totals = reader.figures().totals
    return totals.rows > 0 and totals.remaining == 0


def convert(workspace: Workspace, with_tui: bool) -> None:
    """Starts the engine, if none runs here yet, and watches it."""
    from engine.control.launch import start_engine

    started = start_engine(workspace) if running_pid(workspace) is None else None
    if with_tui:
        from tui.app import run

        run(workspace, farewell=False)
    else:
        watch_headless(workspace, own=started.pid if started else None)


def conclude(workspace: Workspace, directory: Path, report: DemoReport, *, account_is_printed: bool) -> int:
    """Prints the account, unless it is printed already, and what to look at next; returns the exit code.

    That is 0 when exactly the planted faults have failed."""
    command = f"photostat -C {directory}"
    if not is_finished(workspace) and running_pid(workspace) is not None:
        print_line(f"The engine keeps running. `{command}` shows it again.")
        return 0
    if not account_is_printed:
        print_account(workspace)
    print_line()
    print_line(
        f"The JPEGs are in {directory / 'out'}. "
        f"Look around: `{command}` (the TUI), `{command} failures`, `{command} report`."
    )
    with LedgerReader(workspace) as reader:
        totals = reader.figures().totals
        failed = {(row.source, row.cause) for row in reader.iterate(ImageFilter(state="failed"))}
    planted = {(fault.source, fault.cause.value) for fault in report.faults}
    if unexpected := failed - planted:
        source, cause = min(unexpected)
        print_line(f"{counted(len(unexpected), 'image')} failed that should not have: {source} ({cause}), …")
        return 1
    return 0 if totals.remaining == 0 else 1
