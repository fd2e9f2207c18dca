"""The help: all keys, from the registry of actions."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.widget import Widget

from tui.actions.registry import ACTIONS, Action, Scope, bindings, keycap
from tui.screens.base import BaseScreen
from tui.widgets.line_widget import LABEL, STRONG, line, title
from tui.widgets.text_view import TextView

_KEYS = 12


class Help(BaseScreen):
    SCOPE = Scope.HELP
    BINDINGS = bindings(Scope.HELP)

    def body(self) -> Iterable[Widget]:
        yield TextView(id="help")

    def on_mount(self) -> None:
        self.query_one(TextView).write(help_text(read_only=self.typed_app.read_only))

    def action_back(self) -> None:
        self.dismiss()


def help_text(*, read_only: bool) -> list[Text]:
    """Every action by scope: its keys, and what they do."""
    text = [
        line(("The engine converts by itself; this app shows it and sends it commands.", STRONG)),
        line("Leaving the app or losing the connection does not affect the engine."),
        line("Keys do it all. The mouse stays the terminal's, to select and copy text."),
    ]
    for scope in (
        Scope.ANYWHERE,
        Scope.DASHBOARD,
        Scope.WORKERS,
        Scope.BATCHES,
        Scope.LIST,
        Scope.FAILED,
        Scope.DETAIL,
        Scope.EVENTS,
    ):
        actions = [action for action in ACTIONS if action.scopes[0] is scope]
        if actions:
            text += [line(""), title(scope.value, 40)]
            text += [_action_line(action, read_only=read_only) for action in actions]
    text += [
        line(""),
        title("Reading the dashboard and the lists", 40),
        _fact("█ ▓ ▒ ░ ·", "images done, accepted, failed, in flight, waiting"),
        _fact("█ ▒ · ░", "memory in use, promised to images in flight, headroom, the floor that stays free"),
        _fact("░", "in a curve of throughput: the engine held, or was paused"),
        _fact("█▌····", "a worker's time, and its memory, of what they are predicted to come to"),
        _fact("!", "overdue: longer than any image like it; or more memory than was predicted"),
        _fact("tried", "how often a failed image was converted; never: its row or header shows the fault"),
        _fact("PAUSED", "a person paused the engine: nothing new starts"),
        _fact("HOLDING", "the engine paused itself, says why, and continues by itself"),
        _fact("FROZEN", "only this display stands still"),
    ]
    return text


def _action_line(action: Action, *, read_only: bool) -> Text:
    keys = " ".join(keycap(key) for key in action.keys.split(","))
    note = " (not with --read-only)" if read_only and action.changes else ""
    return line("  ", (keys.ljust(_KEYS), STRONG), "  ", action.tooltip, (note, LABEL))


def _fact(term: str, meaning: str) -> Text:
    return line("  ", (term.ljust(_KEYS), STRONG), "  ", meaning)
