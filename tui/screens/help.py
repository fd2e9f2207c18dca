"""The help: all keys, from the registry of actions, those of the page on which it was asked for first."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.widget import Widget

from tui.actions.registry import ACTIONS, Action, Precondition, Scope, bindings, keycap
from tui.screens.base import BaseScreen
from tui.state.hosts import can_join
from tui.state.view import View
from tui.widgets.line_widget import LABEL, STRONG, line, title
from tui.widgets.text_view import TextView

_KEYS = 15


_PAGES = {
    Scope.DASHBOARD: (Scope.DASHBOARD, Scope.WORKERS, Scope.BATCHES),
    Scope.LIST: (Scope.LIST,),
    Scope.FAILED: (Scope.FAILED,),
    Scope.DETAIL: (Scope.DETAIL,),
    Scope.EVENTS: (Scope.EVENTS,),
    Scope.HOST: (Scope.HOST,),
}
"""The pages, and the scopes of their keys."""


class Help(BaseScreen):
    SCOPE = Scope.HELP
    BINDINGS = bindings(Scope.HELP)

    def __init__(self, page: Scope = Scope.DASHBOARD) -> None:
        """`page` is where it was asked for."""
        super().__init__()
        self._page = page
        self._of_hosts: bool | None = None
        """Whether what is written says something of hosts; None before it is written."""

    def body(self) -> Iterable[Widget]:
        yield TextView(id="help")

    def show(self, view: View) -> None:
        """It may have been asked for before anything was known of the engine."""
        super().show(view)
        hosts = can_join(view.snapshot)
        if hosts is not self._of_hosts:
            self._of_hosts = hosts
            text = help_text(self._page, read_only=self.typed_app.read_only, hosts=hosts)
            self.query_one(TextView).write(text)

    def action_back(self) -> None:
        self.dismiss()


def help_text(page: Scope, *, read_only: bool, hosts: bool = True) -> list[Text]:
    """The keys of this page, those that work anywhere, how to read the dashboard, and what else other pages have.

    `hosts` says that other machines may join: else nothing is said of them."""
    page = page if page in _PAGES else Scope.DASHBOARD
    shown: set[str] = set()
    text = [
        line(("The engine converts by itself; this app shows it and sends it commands.", STRONG)),
        line("Keys do it all. The mouse stays the terminal's, to select and copy text."),
    ]
    for scope in _PAGES[page]:
        here = "" if scope is not page else ": this page"
        text += _section(scope, here, shown, read_only=read_only, hosts=hosts)
    text += _section(Scope.ANYWHERE, "", shown, read_only=read_only, hosts=hosts)
    text += _reading(hosts=hosts)
    for other, scopes in _PAGES.items():
        if other is not page:
            for scope in scopes:
                text += _section(scope, "", shown, read_only=read_only, hosts=hosts)
    return text


def _section(scope: Scope, note: str, shown: set[str], *, read_only: bool, hosts: bool) -> list[Text]:
    """The keys of this scope that are not among those shown already."""
    actions = [
        action
        for action in ACTIONS
        if scope in action.scopes
        and action.tooltip not in shown
        and (hosts or action.requires is not Precondition.HOSTS)
    ]
    shown.update(action.tooltip for action in actions)
    keys = [_action_line(action, read_only=read_only) for action in actions]
    return [line(""), title(f"{scope.value}{note}", 40), *keys] if keys else []


def _reading(*, hosts: bool) -> list[Text]:
    of_hosts = [
        _fact("▾ ▸", "a host and its workers; they are folded"),
        _fact("lost", "nothing is heard of a host; what it had in flight is converted by others"),
    ]
    return [
        line(""),
        title("Reading the dashboard and the lists", 40),
        _fact("█ ▓ ▒ ░ ·", "images done, accepted, failed, in flight, waiting"),
        _fact("█ ▒ · ░", "memory in use, promised to images in flight, headroom, the floor that stays free"),
        _fact("░", "in a curve of throughput: the engine held, was paused, or did not run"),
        _fact("tried", "how often a failed image was converted; never: its row or header shows the fault"),
        _fact("█▌····", "a worker's time, and its memory, of what they are predicted to come to"),
        *(of_hosts if hosts else []),
        _fact("!", "overdue: longer than any image like it; or more memory than was predicted"),
        _fact("ETA", "the time left, and when all is done; a range while it is uncertain"),
        _fact("PAUSED", "a person paused the engine: nothing new starts"),
        _fact("HOLDING", "the engine paused itself, says why, and continues by itself"),
        _fact("DRAINING", "the engine finishes what is in flight, and ends"),
        _fact("FINISHED", "all is converted: ✓ nothing failed, ! some images did"),
        _fact("STOPPED", "no engine runs, and images wait"),
        _fact("DISCONNECTED", "the engine does not answer: what is shown is old"),
        _fact("FROZEN", "only this display stands still"),
    ]


def _action_line(action: Action, *, read_only: bool) -> Text:
    keys = " ".join(keycap(key) for key in action.keys.split(","))
    note = " (not with --read-only)" if read_only and action.changes else ""
    return line("  ", (keys.ljust(_KEYS), STRONG), "  ", action.tooltip, (note, LABEL))


def _fact(term: str, meaning: str) -> Text:
    return line("  ", (term.ljust(_KEYS), STRONG), "  ", meaning)
