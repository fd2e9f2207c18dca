"""`photostat notify`: who is told when a run ends, holds or dies; with --test, whether that works."""

from __future__ import annotations

import time
from typing import Any

import click

from engine.config import NotifySettings
from engine.config.notify_urls import is_plain, shown
from engine.control.snapshot import State
from engine.control.without_engine import snapshot_of_ledger
from engine.failures import UserError
from engine.ledger.lock import find_engine
from engine.ledger.reader import LedgerReader
from engine.notify import from_ledger
from engine.notify.delivery import check_addresses, try_each
from engine.notify.message import Message, message_of
from engine.notify.protocol import Delivered, Notice, Occasion
from engine.workspace import Workspace
from tui.commands.shared.options import json_option, workspace_of
from tui.commands.shared.output import print_json, print_line, print_table

_LONGEST_S = 40.0


@click.command()
@click.option("--test", "is_test", is_flag=True, help="Send a test to every address, and say which took it.")
@json_option
@click.pass_context
def notify(ctx: click.Context, is_test: bool, as_json: bool) -> None:
    """Show who is told when a run ends, holds or dies, without the secrets in the addresses.

    The addresses are those of urls under [notify]: http and https ones get a JSON POST, all others are sent by apprise
    (https://github.com/caronc/apprise has their forms). With --test the exit code is 1 if an address did not take the
    test; an engine need not run.
    """
    workspace = workspace_of(ctx)
    settings = workspace.config().notify
    check_addresses(settings)
    if is_test and not settings.urls:
        raise UserError("[notify] urls is empty: nobody would be told; give it addresses in photostat.toml")
    tried = try_each(settings.urls, _test_message(workspace), _LONGEST_S) if is_test else None
    if as_json:
        print_json(_document(settings, tried))
    else:
        _print(settings, tried)
    ctx.exit(1 if tried and any(one.problem for one in tried) else 0)


def _test_message(workspace: Workspace) -> Message:
    """Like a real one, with what the ledger has now."""
    with LedgerReader(workspace) as reader:
        snapshot = snapshot_of_ledger(workspace, reader)
    runs = find_engine(workspace.lock_path) is not None and snapshot.state is State.STOPPED
    text = "a test: `photostat notify --test` sent this; nothing has happened"
    notice = Notice(
        Occasion.TEST, text, State.RUNNING if runs else snapshot.state, time.time(), snapshot.totals
    )
    return message_of(notice, None, str(workspace.root), from_ledger.read(workspace))


def _document(settings: NotifySettings, tried: list[Delivered] | None) -> dict[str, Any]:
    return {
        "addresses": [
            {"number": number, "address": shown(url), "way": _way(url)} | _result(tried, number)
            for number, url in enumerate(settings.urls, start=1)
        ],
        "morning": settings.morning,
    }


def _result(tried: list[Delivered] | None, number: int) -> dict[str, Any]:
    if tried is None:
        return {}
    problem = tried[number - 1].problem
    return {"taken": not problem, "problem": problem}


def _print(settings: NotifySettings, tried: list[Delivered] | None) -> None:
    if not settings.urls:
        print_line("Nobody is told: [notify] urls in photostat.toml is empty.")
        return
    results = [f"not taken: {one.problem}" if one.problem else "taken" for one in tried or ()]
    header = ["", "address", "sent by", *(["result"] if tried is not None else [])]
    rows = [
        [str(number), shown(url), _way(url), *results[number - 1 : number]]
        for number, url in enumerate(settings.urls, start=1)
    ]
    print_table(header, rows, right=[""])
    print_line()
    when = "when a run ends, holds for a new reason, or goes on, and when its engine dies"
    print_line(f"They are told {when}{f', and every day at {settings.morning}' if settings.morning else ''}.")


def _way(url: str) -> str:
    return "JSON POST" if is_plain(url) else "apprise"
