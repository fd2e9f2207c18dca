"""All keys, from the registry."""

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
    PLACE = Scope.HELP
    BINDINGS = bindings(Scope.HELP)

    def body(self) -> Iterable[Widget]:
        yield TextView(id="help")

    def on_mount(self) -> None:
        self.query_one(TextView).write(help_text(read_only=self.typed_app.read_only))

    def action_back(self) -> None:
        self.dismiss()


def help_text(*, read_only: bool) -> list[Text]:
    """Every action by place: keys, and what they do."""
    text = [
        line(("photostat converts on its own: this app only looks and steers.", STRONG)),
        line("Leaving it, or losing the connection, changes nothing for the engine."),
    ]
    for place in (Scope.ANYWHERE, Scope.DASHBOARD, Scope.LIST, Scope.FAILED, Scope.DETAIL):
        mine = [action for action in ACTIONS if action.places[0] is place]
        if mine:
            text += [line(""), title(place.value, 40)]
            text += [_action_line(action, read_only=read_only) for action in mine]
    text += [
        line(""),
        title("Reading the dashboard", 40),
        _fact("█ ▒ · ┃", "memory used, promised to images under way, free; the floor that stays free"),
        _fact("now/most", "a worker's memory now, and the most it was predicted to need"),
        _fact("PAUSED", "a person stopped it: nothing new starts"),
        _fact("HOLDING", "the engine stopped itself, says why, and goes on by itself"),
        _fact("FROZEN", "only this picture stands still"),
    ]
    return text


def _action_line(action: Action, *, read_only: bool) -> Text:
    keys = " ".join(keycap(key) for key in action.keys.split(","))
    refused = " (not with --read-only)" if read_only and action.changes else ""
    return line("  ", (keys.ljust(_KEYS), STRONG), "  ", action.tooltip, (refused, LABEL))


def _fact(term: str, meaning: str) -> Text:
    return line("  ", (term.ljust(_KEYS), STRONG), "  ", meaning)
