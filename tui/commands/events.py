"""`photostat events`: what happened, from the ledger's history."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator

import click

from engine.csv_output import start_table
from engine.formatting import date_and_second
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from engine.ledger.told_events import told
from tui.commands.shared.moments import moment
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json_array, print_line

_MARKS = {"error": "✗", "warning": "!"}


@click.command()
@click.option(
    "--notable/--all",
    "notable",
    default=True,
    help="Only what is kept for the whole run (the default), or the routine of the last days too.",
)
@click.option(
    "--since", metavar="WHEN", help="02:00, 2026-03-01, '2026-03-01 02:00', 8h, 2d, today or yesterday."
)
@click.option("--csv", "as_csv", is_flag=True, help="CSV with a header on stdout instead.")
@json_option
@click.pass_context
def events(ctx: click.Context, notable: bool, since: str | None, as_csv: bool, as_json: bool) -> None:
    """List what happened, the oldest first: holds, pauses, orders and who gave them, starts, ends and crashes.

    Failures for the same cause are told as one within an hour. `photostat failures` lists each image.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    since_s = moment(since, time.time()) if since is not None else None
    with LedgerReader(workspace_of(ctx)) as reader, reader.one_view():
        found = reader.iterate_events(notable=notable, since=since_s)
        if as_json:
            print_json_array(event.to_json() for event in found)
        elif as_csv:
            _print_csv(found)
        else:
            _print_lines(found)


def _print_csv(found: Iterator[Event]) -> None:
    """In UTF-8 whatever the locale, because another program reads it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    columns = list(Event(0, 0.0, "", "", "", None, None).to_json())
    add_row = start_table(sys.stdout, columns, line_end="\n")
    for event in found:
        row = event.to_json()
        add_row([row[column] for column in columns])


def _print_lines(found: Iterator[Event]) -> None:
    none = True
    for event in found:
        none = False
        about = f"{event.target}: " if event.target and event.times == 1 else ""
        mark = _MARKS.get(event.level, " ")
        host = f"{event.host}: " if event.host and not event.message.startswith(event.host) else ""
        print_line(f"{date_and_second(event.time)} {mark} {event.kind:9} {host}{about}{told(event)}")
    if none:
        print_line("Nothing happened in that time.")
