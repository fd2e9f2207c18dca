"""The `photostat` command: its commands, and how every error becomes one line and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click

from engine import __version__
from engine.failures import UserError, one_line, system_error_text
from engine.formatting import visible_lines
from tui.command_list import COMMANDS
from tui.guarded import GUARDED, guard, report
from tui.terminal.encoding import as_typed, print_what_the_terminal_can_show, restart_in_utf_8_mode

_TOUR = """\
Converts a collection's JPEG 2000 images to JPEG, verifies every JPEG, and accounts for every image.

\b
See it work:          photostat demo
Make a workspace:     photostat init collection && cd collection
Add an export:        photostat add newspapers.csv
Check before a run:   photostat check
Convert:              photostat run          (leave with q: the engine keeps running)
Look in again:        photostat
What failed, why:     photostat failures
Convert again:        photostat requeue --cause source-missing
What happened, when:  photostat events
See a sample of it:   photostat review newspapers --serve

The workspace is the current directory, or -C DIR, or PHOTOSTAT_WORKSPACE. Without a command, the TUI opens.
"""

_EXITS = """\
Exit codes: 0 done; 1 it ran and something failed or differs; 2 usage, configuration or input to correct;
3 no engine answers."""


class Photostat(click.Group):
    """Loads commands by name and turns every error into one line on stderr."""

    is_own_process = False
    """The shell has started it, and waits for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for names in COMMANDS.values():
            if cmd_name in names:
                module, _, attribute = names[cmd_name].target.partition(":")
                command: click.Command = getattr(importlib.import_module(f"tui.commands.{module}"), attribute)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from engine.failures import nearest

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            meant = nearest(args[0], self.list_commands(ctx))
            advice = f"did you mean {meant}?" if meant else "`photostat --help` shows them"
            raise click.UsageError(f"no command {one_line(args[0])!r}; {advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in names.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("\n" + _EXITS + "\n")

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Click's `main` with this project's messages and exit codes; always ends with SystemExit."""
        try:
            self._main(*args, **kwargs)
        except SystemExit as end:
            report(end.code)
            raise

    def _main(self, *args: Any, **kwargs: Any) -> NoReturn:
        kwargs |= {"prog_name": "photostat", "standalone_mode": False}
        if not args and kwargs.get("args") is None:
            restart_in_utf_8_mode()
            Photostat.is_own_process = True
            kwargs["args"] = as_typed(sys.argv[1:])
        print_what_the_terminal_can_show()
        try:
            result = super().main(*args, **kwargs)
            sys.stdout.flush()
        except click.NoSuchOption as error:
            _end(_no_such_option(error), error.exit_code)
        except click.ClickException as error:
            _end(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(128 + signal.SIGINT)
        except UserError as error:
            _end(str(error), 2)
        except BrokenPipeError:
            _discard_stdout()
            sys.exit(1)
        except OSError as error:
            _end(system_error_text(error), 2)
        except Exception as error:  # noqa: BLE001 - the last resort of every command
            _end(*_unexpected(error))
        sys.exit(result if isinstance(result, int) else 0)


def _no_such_option(error: click.NoSuchOption) -> str:
    """Those of photostat itself stand before the command."""
    ctx, option = error.ctx, error.option_name
    if ctx and ctx.parent and any(option in ours.opts for ours in ctx.find_root().command.params):
        program, _, command = ctx.command_path.partition(" ")
        what = "-C DIR" if option == "-C" else option
        return f"{option} stands before the command: `{program} {what} {command} …`"
    return error.format_message()


def _unexpected(error: Exception) -> tuple[str, int]:
    """Message and exit code of any other error. Some kinds are imported here, so that commands start without them."""
    import sqlite3

    from engine.control.client import NoEngine
    from tui.crash import AppCrash

    if isinstance(error, NoEngine):
        return str(error), 3
    if isinstance(error, sqlite3.Error):
        return f"the ledger: {error}; try again", 1
    if os.environ.get("PHOTOSTAT_TRACEBACK"):
        click.echo(visible_lines("".join(traceback.format_exception(error))), err=True)
    if isinstance(error, AppCrash):
        return str(error), 1
    what = f"{type(error).__name__}: {error}"
    return f"internal error: {what} (please report it; PHOTOSTAT_TRACEBACK=1 shows where it happened)", 1


def _end(message: str, code: int) -> NoReturn:
    _flush_quietly()
    click.echo(f"photostat: {one_line(message)}", err=True)
    sys.exit(code)


def _flush_quietly() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()


def _discard_stdout() -> None:
    """The reader of stdout is gone: what is buffered must not raise again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@click.group(
    cls=Photostat,
    invoke_without_command=True,
    help=_TOUR,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The workspace directory; give it before the command.",
)
@click.option("--read-only", is_flag=True, help="Open the TUI so that it can change nothing.")
@click.version_option(__version__, message="photostat %(version)s")
@click.pass_context
def main(ctx: click.Context, directory: Path | None, read_only: bool) -> None:
    if ctx.invoked_subcommand is not None:
        if read_only:
            raise click.UsageError("--read-only is for the TUI, without a command")
        if Photostat.is_own_process and ctx.invoked_subcommand in GUARDED:
            guard()
        return
    from tui.app import run
    from tui.commands.shared.options import workspace_of

    workspace = workspace_of(ctx)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("the TUI needs a terminal; `photostat status` shows the same once")
    ctx.exit(run(workspace, read_only=read_only))


if __name__ == "__main__":
    main()
