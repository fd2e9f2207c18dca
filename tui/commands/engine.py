"""The commands to an engine: run starts one, the others tell it something and return when it has taken it."""

from __future__ import annotations

from typing import Any

import click

from engine.config import MOST_WORKERS
from engine.control.client import EngineClient, EngineSilent, NoEngine
from engine.control.launch import Started, start_engine
from engine.failures import UserError
from engine.formatting import counted, integer
from engine.workspace import Workspace
from tui.commands.headless import watch_headless
from tui.commands.shared import draining, has_terminal, in_flight, json_option, print_json, workspace_of

WORKERS = click.IntRange(1, MOST_WORKERS)


@click.command()
@click.option("--batch", "batches", multiple=True, help="Only this batch; may be given again.")
@click.option("--workers", type=WORKERS, help="So many worker processes, instead of the setting.")
@click.option("--headless", is_flag=True, help="A progress bar until all is done, instead of the TUI.")
@click.option("--detach", is_flag=True, help="Return as soon as the engine has started.")
@click.pass_context
def run(
    ctx: click.Context, batches: tuple[str, ...], workers: int | None, headless: bool, detach: bool
) -> None:
    """Start the engine, and watch it.

    The engine is a process of its own: it goes on when you leave the TUI, close the terminal or lose the
    connection. With an engine at work already, `run` only watches it.

    With --headless, Ctrl-C lets what is in flight finish and stops; a second Ctrl-C stops at once. Nothing is
    lost either way. The exit code is 0 when every image is done or accepted, and 1 when some failed or are left.
    """
    if headless and detach:
        raise click.UsageError("--headless watches and --detach does not: give one of them.")
    workspace = workspace_of(ctx)
    if not (headless or detach or has_terminal()):
        raise click.UsageError(
            "the TUI needs a terminal, and nothing was started: give --headless for a progress bar here, "
            "or --detach to start the engine and return"
        )
    pid = _running_engine(workspace)
    if pid is None:
        started = start_engine(workspace, known_batches(workspace, batches), workers)
        click.echo(_has_started(started), err=True)
    elif detach or batches or workers:
        raise UserError(
            f"an engine (pid {pid}) is at work here already: `photostat status` shows what it does"
        )
    else:
        click.echo(f"An engine (pid {pid}) is at work here already: watching it.", err=True)
    if headless:
        ctx.exit(watch_headless(workspace))
    if not detach:
        from tui.app import run as run_app

        ctx.exit(run_app(workspace))


@click.command()
@json_option
@click.pass_context
def pause(ctx: click.Context, as_json: bool) -> None:
    """Start no more images; those in flight finish."""
    reply = _order(ctx, "pause", as_json)
    rest = in_flight(reply["in_flight"], "will be finished", "will be finished")
    _say(as_json, f"Paused. {rest}. `photostat resume` goes on.")


@click.command()
@json_option
@click.pass_context
def resume(ctx: click.Context, as_json: bool) -> None:
    """Go on after a pause; also: look at once whether what held the engine is well again."""
    _order(ctx, "resume", as_json)
    _say(as_json, "Resumed.")


@click.command()
@json_option
@click.pass_context
def drain(ctx: click.Context, as_json: bool) -> None:
    """Finish what is in flight, then end the engine."""
    reply = _order(ctx, "drain", as_json)
    _say(as_json, draining(reply["in_flight"]))


@click.command()
@json_option
@click.pass_context
def stop(ctx: click.Context, as_json: bool) -> None:
    """End the engine at once. Nothing is lost: what was in flight is converted again by the next run."""
    reply = _order(ctx, "stop", as_json)
    rest = in_flight(reply["in_flight"], "goes back to pending", "go back to pending")
    kept = reply["on_scratch"]
    wait = f"; {counted(kept, 'JPEG')} on scratch {'waits' if kept == 1 else 'wait'} for the next run"
    _say(as_json, f"Stopped. {rest}{wait if kept else ''}.")


@click.command()
@click.argument("count", type=WORKERS)
@json_option
@click.pass_context
def workers(ctx: click.Context, count: int, as_json: bool) -> None:
    """Have COUNT worker processes from now on."""
    reply = _order(ctx, "workers", as_json, count=count)
    _say(as_json, _workers_in_words(count, reply))


COMMANDS = (run, pause, resume, drain, stop, workers)


def known_batches(workspace: Workspace, batches: tuple[str, ...]) -> tuple[str, ...]:
    """The same batches, every one in the ledger; raises UserError that names those there are."""
    from engine.ledger.reader import LedgerReader

    with LedgerReader(workspace) as reader:
        names = list(reader.account())
    for batch in batches:
        if batch not in names:
            raise UserError(f"no batch {batch!r} in the ledger; there {_are(names)}")
    return batches


def _are(names: list[str]) -> str:
    if not names:
        return "are none yet: `photostat add CSV` brings images in"
    return ("is " if len(names) == 1 else "are ") + ", ".join(names)


def _has_started(started: Started) -> str:
    said = f"The engine has started (pid {started.pid})"
    if started.workers < started.workers_asked:
        few = counted(started.workers, "worker")
        said += f" with {few} instead of {integer(started.workers_asked)}: memory allows no more"
    return f"{said}."


def _workers_in_words(asked: int, reply: dict[str, Any]) -> str:
    count, before = reply["count"], reply["before"]
    said = counted(count, "worker")
    if "limited_by" in reply:
        said += f" instead of {integer(asked)}: {reply['limited_by']} allows no more"
    elif count != before:
        said += f", before {integer(before)}"
    if count < before:
        said += ". The surplus one leaves" if before - count == 1 else ". The surplus ones leave"
        said += " after its image" if before - count == 1 else " after their images"
    return f"{said}."


def _running_engine(workspace: Workspace) -> int | None:
    """Its pid; None where none runs. Raises EngineSilent for one that does not answer."""
    try:
        with EngineClient.connect(workspace) as client:
            return client.pid
    except EngineSilent:
        raise
    except NoEngine:
        return None


def _order(ctx: click.Context, command: str, as_json: bool, **arguments: Any) -> dict[str, Any]:
    with EngineClient.connect(workspace_of(ctx)) as client:
        reply = client.command(command, **arguments)
    if as_json:
        print_json(reply)
    return reply


def _say(as_json: bool, text: str) -> None:
    click.echo(text, err=as_json)
