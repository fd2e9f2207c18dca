"""`photostat demo`: a small collection made, added and converted, with nothing to configure."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engine.demo import DemoReport, make_demo
from engine.formatting import counted, data_size
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.manifest.importer import add
from engine.workspace import Workspace
from tui.commands.shared import has_terminal, say


@click.command()
@click.argument("directory", metavar="[DIR]", default="demo", type=click.Path(path_type=Path))
@click.option("--headless", is_flag=True, help="A progress bar until all is done, instead of the TUI.")
@click.pass_context
def demo(ctx: click.Context, directory: Path, headless: bool) -> None:
    """Make a small collection in DIR (or ./demo) and convert it.

    About forty JPEG 2000 images - newspapers, manuscripts, photographs, maps, prints - and their CSV export are
    made, and converted to JPEGs in DIR/out. A few faults are planted among them, to show what becomes of
    failures. Running it again completes or repeats nothing that is there already.
    """
    report = make_with_progress(directory)
    workspace = Workspace(directory.absolute())
    with_tui = not headless and has_terminal() and sys.stdout.isatty()
    say(
        f"{counted(report.images, 'JPEG 2000 image')} ({data_size(report.source_bytes)}) and "
        f"{counted(len(report.faults), 'planted fault')} are in {directory / 'source'}."
    )
    if not is_running(workspace):
        add_export(workspace, report.export)
    told = False
    if not is_finished(workspace):
        told = convert(workspace, with_tui)
    ctx.exit(conclude(workspace, directory, report, told))


def make_with_progress(directory: Path) -> DemoReport:
    """Makes the collection under a progress bar on stderr."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("Painting the collection"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        return make_demo(directory, lambda there, total, _: bar.update(task, completed=there, total=total))


def is_running(workspace: Workspace) -> bool:
    from engine.control.client import EngineClient, EngineSilent, NoEngine

    try:
        EngineClient.connect(workspace).close()
    except EngineSilent:
        raise
    except NoEngine:
        return False
    return True


def add_export(workspace: Workspace, export: Path) -> None:
    """Every material type becomes a batch."""
    with Ledger.open(workspace, "demo") as ledger:
        added = add(ledger, export, workspace.config().manifest, split_by="type")
    total = added.total
    if total.new:
        say(
            f"{counted(total.new, 'row')} of {export.name} added in {counted(len(added.batches), 'batch', 'batches')}."
        )


def is_finished(workspace: Workspace) -> bool:
    with LedgerReader(workspace) as reader:
        totals = reader.figures().totals
    return totals.rows > 0 and totals.remaining == 0


def convert(workspace: Workspace, with_tui: bool) -> bool:
    """Starts the engine, unless one is at it already, and watches it; True when the account was told then."""
    from engine.control.launch import start_engine

    if not is_running(workspace):
        start_engine(workspace)
    if with_tui:
        from tui.app import run

        run(workspace, farewell=False)
        return False
    from tui.commands.headless import watch_headless

    watch_headless(workspace)
    return True


def conclude(workspace: Workspace, directory: Path, report: DemoReport, told: bool) -> int:
    """The account, unless it was told, and what to look at next; 0 when exactly the planted faults have failed."""
    from tui.commands.account import print_account

    at = f"photostat -C {directory}"
    if not is_finished(workspace) and is_running(workspace):
        say(f"The engine goes on. `{at}` shows it again.")
        return 0
    if not told:
        print_account(workspace)
    click.echo()
    say(
        f"The JPEGs are in {directory / 'out'}. Look around: `{at}` (the TUI), `{at} failures`, `{at} report`."
    )
    with LedgerReader(workspace) as reader:
        totals = reader.figures().totals
        failed = {(row.source, row.cause) for row in reader.iterate(state="failed")}
    planted = {(fault.source, fault.cause.value) for fault in report.faults}
    if unexpected := failed - planted:
        source, cause = min(unexpected)
        say(f"{counted(len(unexpected), 'image')} failed that should not have: {source} ({cause}), …")
        return 1
    return 0 if totals.remaining == 0 else 1
