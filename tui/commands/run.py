"""`photostat run`: starts the engine, and shows the TUI or a progress bar until the person leaves or all is done."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from engine.config.cluster_extra import CONVERTS_NOTHING_HERE
from engine.control.client import running_pid
from engine.control.launch import Started, become_engine, start_engine
from engine.control.snapshot import BatchSnapshot, Snapshot
from engine.failures import UserError
from engine.formatting import clock, counted, integer
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.options import batches_option, check_batch, workers_option, workspace_of
from tui.commands.shared.output import has_terminal, warn


@click.command()
@batches_option
@workers_option
@click.option("--headless", is_flag=True, help="A progress bar until all is done, instead of the TUI.")
@click.option("--detach", is_flag=True, help="Return as soon as the engine has started.")
@click.option(
    "--foreground", is_flag=True, help="Be the engine, without showing anything: for services and containers."
)
@click.pass_context
def run(
    ctx: click.Context,
    batches: tuple[str, ...],
    workers: int | None,
    headless: bool,
    detach: bool,
    foreground: bool,
) -> None:
    """Start the engine, and watch it.

    The engine is a process of its own: it keeps running when you leave the TUI, close the terminal or lose the
    connection. If an engine is already running, `run` only watches it.

    With --headless, Ctrl-C lets what is in flight finish and stops; a second Ctrl-C stops at once. Nothing is
    lost either way. If the engine was running before, Ctrl-C only ends the watching. The exit code is 0 when every
    image is done or accepted, and 1 when some failed or are left.

    With --foreground this process itself is the engine, with the same exit codes. SIGTERM or Ctrl-C lets what is in
    flight finish and stops, a second one stops at once. `photostat service` prints a systemd unit that uses it.
    If it comes after an engine that died while it was paused, it stays paused until `photostat resume`.
    """
    if headless + detach + foreground > 1:
        raise click.UsageError("--headless, --detach and --foreground exclude each other: give one of them.")
    workspace = workspace_of(ctx)
    if not (headless or detach or foreground or has_terminal()):
        raise click.UsageError(
            "the TUI needs a terminal, and nothing was started: give --headless for a progress bar here, "
            "or --detach to start the engine and return"
        )
    if not (headless or detach or foreground):
        from tui.theme_choice import chosen_theme

        chosen_theme()
    pid, started = running_pid(workspace), None
    if pid is None:
        if workers and not workspace.config().cluster.here:
            raise UserError(f"--workers {workers}: {CONVERTS_NOTHING_HERE}")
        with LedgerReader(workspace) as reader:
            known = Snapshot.from_ledger(reader.figures(), time.time()).batches
        for name in batches:
            check_batch(name, [batch.name for batch in known])
        if foreground:
            become_engine(workspace, batches, workers)
        from engine.control.without_engine import outside_hours_of_ended
        from tui.commands.shared.account import EMPTY_LEDGER

        until = outside_hours_of_ended(workspace)
        started = start_engine(workspace, batches, workers)
        warn(_has_started(started))
        nothing = [] if known else [EMPTY_LEDGER]
        for text in (*nothing, *_held(known, batches), *_outside_hours(workspace, until)):
            warn(text)
    elif detach or foreground or batches or workers:
        raise UserError(
            f"an engine (pid {pid}) is already running here: `photostat status` shows what it does"
        )
    else:
        warn(f"An engine (pid {pid}) is already running here: watching it.")
    if headless:
        from tui.commands.shared.headless import watch_headless

        ctx.exit(watch_headless(workspace, own=started.pid if started else None))
    if not detach:
        from tui.app import run as run_app

        ctx.exit(run_app(workspace))


def _held(known: Sequence[BatchSnapshot], chosen: Sequence[str]) -> list[str]:
    """A line for each batch of this run of which nothing starts, because a person holds it."""
    from tui.commands.shared.account import held_words

    now = time.time()
    return [
        f"{batch.name} is {held_words(batch, now)}; `photostat batches release {batch.name}` lets it start."
        for batch in known
        if batch.held is not None and batch.pending and (not chosen or batch.name in chosen)
    ]


def _outside_hours(workspace: Workspace, until: float | None) -> list[str]:
    """A line if nothing starts yet, because it is outside the hours of the settings, or if it starts all the same
    because a person had told the engine that died to work `until` then."""
    hours, now = workspace.config().engine.hours, time.time()
    if hours.is_open(now):
        return []
    if until is not None and now < until:
        return [
            f"It still works outside its hours ({hours.text}) too, until {clock(until, now)}, as was ordered."
        ]
    begins = clock(hours.next_span(now).opens, now)
    return [
        f"It is outside its hours ({hours.text}): it begins at {begins} by itself; `photostat resume` begins now."
    ]


def _has_started(started: Started) -> str:
    text = f"The engine has started (pid {started.pid})"
    if started.workers < started.workers_asked:
        few = counted(started.workers, "worker")
        text += f" with {few} instead of {integer(started.workers_asked)}: memory allows no more"
    return f"{text}."
