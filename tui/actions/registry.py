"""The registry of actions: bindings, footer, command palette and help are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where an action is available."""

    DASHBOARD = "On the dashboard"
    WORKERS = "With a worker of the dashboard"
    BATCHES = "With a batch of the dashboard"
    LIST = "In a list"
    FAILED = "With failed images"
    DETAIL = "In an image's detail"
    EVENTS = "In the event log"
    HOST = "On the page of a host"
    HELP = "In this help"
    ANYWHERE = "Anywhere"


class Precondition(StrEnum):
    """What must hold before the action makes sense."""

    NONE = "none"
    ENGINE = "engine"
    STAYING_ENGINE = "an engine that is not ending"
    NO_ENGINE = "no engine"
    HOSTS = "other machines may join"


@dataclass(frozen=True)
class Action:
    id: str
    """The method that does it is `action_<id>`."""
    keys: str
    """Textual's names, separated by commas; the first one is shown."""
    label: str
    tooltip: str
    scopes: tuple[Scope, ...]
    changes: bool = False
    """Changes something, so `--read-only` refuses it."""
    requires: Precondition = Precondition.NONE
    rank: int = 0
    """Order in the footer, 1 first; an action of rank 0 is not in the footer."""
    short: str = ""
    """A shorter label for the footer."""
    by_widget: bool = False
    """The widget that has the keys does it, not the screen; it is then not in the palette."""
    at_once: bool = False
    """Done also while what the screen shows is still being read."""


_LISTS = (Scope.LIST, Scope.FAILED)
_IMAGES = (Scope.LIST, Scope.FAILED, Scope.DETAIL)
_PAGED = (*_LISTS, Scope.EVENTS)
_TEXTS = (Scope.DETAIL, Scope.HELP, Scope.HOST)

ACTIONS: tuple[Action, ...] = (
    Action(
        "open",
        "enter",
        "open",
        "Open what is under the cursor",
        (Scope.DASHBOARD, Scope.BATCHES, Scope.WORKERS),
        rank=40,
        by_widget=True,
    ),
    Action(
        "skip_image",
        "x",
        "skip",
        "Skip this worker's image, after a confirmation: it waits behind all others",
        (Scope.WORKERS,),
        changes=True,
        requires=Precondition.ENGINE,
        rank=10,
        by_widget=True,
    ),
    Action(
        "stop_image",
        "X",
        "let it fail",
        "Stop this worker's image, after a confirmation: it fails until it is requeued",
        (Scope.WORKERS,),
        changes=True,
        requires=Precondition.ENGINE,
        rank=11,
        by_widget=True,
    ),
    Action(
        "fold",
        "space",
        "fold",
        "Fold the workers of this host into its row, or unfold them; enter on its row does it too",
        (Scope.WORKERS,),
        requires=Precondition.HOSTS,
        rank=12,
        by_widget=True,
    ),
    Action(
        "fold(True)",
        "left",
        "fold",
        "Fold the workers of this host",
        (Scope.WORKERS,),
        requires=Precondition.HOSTS,
        by_widget=True,
    ),
    Action(
        "fold(False)",
        "right",
        "unfold",
        "Unfold the workers of this host",
        (Scope.WORKERS,),
        requires=Precondition.HOSTS,
        by_widget=True,
    ),
    Action(
        "hold_batch",
        "h",
        "hold",
        "Hold this batch, after a confirmation: nothing more of it starts",
        (Scope.BATCHES,),
        changes=True,
        rank=10,
        by_widget=True,
    ),
    Action(
        "release_batch",
        "r",
        "release",
        "End the hold of this batch",
        (Scope.BATCHES,),
        changes=True,
        rank=11,
        by_widget=True,
    ),
    Action(
        "move_batch('up')",
        "K",
        "earlier",
        "Convert this batch one place earlier",
        (Scope.BATCHES,),
        changes=True,
        rank=12,
        by_widget=True,
    ),
    Action(
        "move_batch('down')",
        "J",
        "later",
        "Convert this batch one place later",
        (Scope.BATCHES,),
        changes=True,
        rank=13,
        by_widget=True,
    ),
    Action(
        "sign_off",
        "v",
        "sign off",
        "Approve this batch, or withdraw its approval: asks first and says what is open",
        (Scope.BATCHES,),
        changes=True,
        rank=14,
        by_widget=True,
    ),
    Action(
        "host",
        "h,H",
        "host",
        "All that is known of the host that the cursor is at: why it holds, memory, workers, events",
        (Scope.DASHBOARD, Scope.WORKERS),
        requires=Precondition.HOSTS,
        rank=22,
    ),
    Action(
        "host",
        "H",
        "host",
        "The page of a host, also while a batch has the keys",
        (Scope.BATCHES,),
        requires=Precondition.HOSTS,
    ),
    Action(
        "drain_host",
        "D",
        "drain host",
        "Let this host finish what it has, and leave, after a confirmation; the run goes on without it",
        (Scope.HOST,),
        changes=True,
        requires=Precondition.HOSTS,
        rank=18,
    ),
    Action(
        "forget_host",
        "F",
        "forget host",
        "Void the invitation of this host, after a confirmation; if it is still there, it goes at once",
        (Scope.HOST,),
        changes=True,
        requires=Precondition.HOSTS,
        rank=19,
    ),
    Action(
        "next_host(1)",
        "tab,n",
        "next host",
        "The next host",
        (Scope.HOST,),
        requires=Precondition.HOSTS,
        rank=17,
    ),
    Action(
        "next_host(-1)",
        "shift+tab,N",
        "previous host",
        "The one before",
        (Scope.HOST,),
        requires=Precondition.HOSTS,
    ),
    Action(
        "next_section",
        "tab",
        "next section",
        "To the next of failures, batches and workers",
        (Scope.DASHBOARD,),
    ),
    Action(
        "previous_section",
        "shift+tab",
        "previous section",
        "To the one before",
        (Scope.DASHBOARD,),
    ),
    Action(
        "curve",
        "c",
        "curve",
        "The throughput of the whole run, or of the last half hour again",
        (Scope.DASHBOARD,),
        requires=Precondition.ENGINE,
        rank=29,
    ),
    Action(
        "open",
        "enter",
        "detail",
        "Everything known about this image: attempts, header, warnings",
        _PAGED,
        rank=19,
        by_widget=True,
    ),
    Action("move(-1)", "up,k", "up", "Up", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action("move(1)", "down,j", "down", "Down", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action(
        "jump(-1)", "home,g", "first", "To the first", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True
    ),
    Action("jump(1)", "end,G", "last", "To the last", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action(
        "page(-1)", "pageup,ctrl+b", "page up", "A page up", (*_PAGED, *_TEXTS, Scope.WORKERS), by_widget=True
    ),
    Action(
        "page(1)",
        "pagedown,ctrl+f",
        "page down",
        "A page down",
        (*_PAGED, *_TEXTS, Scope.WORKERS),
        by_widget=True,
    ),
    Action("page(1)", "space", "page down", "A page down, too", _TEXTS, by_widget=True),
    Action("select", "space", "select", "Select or unselect this row", (Scope.FAILED,), rank=14),
    Action("select_all", "A", "select all", "Select all rows shown, or none", (Scope.FAILED,), rank=18),
    Action(
        "filter",
        "slash",
        "filter",
        "Show only rows with these words in their name, path, barcode, record, message or host",
        (*_LISTS, Scope.EVENTS),
        rank=16,
    ),
    Action(
        "find",
        "slash",
        "find",
        "Find images by words in their name, path, barcode, record, message or host",
        (Scope.DASHBOARD, *_TEXTS),
    ),
    Action(
        "by_state",
        "t",
        "state",
        "Show only images in one state: the next, then all again",
        (Scope.LIST,),
        rank=17,
    ),
    Action(
        "notable",
        "n",
        "notable",
        "Show only what matters for the whole run: holds, pauses, orders, crashes, failures; or everything again",
        (Scope.EVENTS,),
        rank=17,
    ),
    Action("sort", "o", "sort", "Sort in the next order", _LISTS, rank=30),
    Action("sort_back", "O", "reverse", "Reverse the order", _LISTS),
    Action(
        "requeue",
        "r",
        "requeue",
        "Requeue the selected images, or this one: they are converted again",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=10,
    ),
    Action(
        "requeue_all",
        "R",
        "requeue all",
        "Requeue all images shown",
        (Scope.FAILED,),
        changes=True,
        short="all",
        rank=11,
    ),
    Action(
        "accept",
        "a",
        "accept",
        "Accept the selected images, or this one, without a JPEG, for a reason",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=13,
    ),
    Action(
        "verdict",
        "v",
        "verdict",
        "Say whether the delivered JPEG of this image is fine, and if not, why",
        (Scope.DETAIL,),
        changes=True,
        rank=15,
    ),
    Action(
        "representation",
        "u",
        "its representation",
        "All images of the same representation, and whether it is complete",
        _IMAGES,
        rank=32,
    ),
    Action(
        "picture",
        "I",
        "picture",
        "The source and the JPEG side by side, small, or the detail again",
        (Scope.DETAIL,),
        rank=15,
    ),
    Action(
        "back",
        "escape",
        "back",
        "Back to the previous screen",
        (*_IMAGES, Scope.EVENTS, Scope.HELP, Scope.HOST),
        rank=8,
        at_once=True,
    ),
    Action(
        "pause",
        "p",
        "pause",
        "Pause the engine, or resume it: in a pause nothing new starts, what is in flight finishes",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.STAYING_ENGINE,
        rank=20,
    ),
    Action(
        "start",
        "s",
        "start",
        "Start the engine; outside its hours, continue all the same until the end of its next ones",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.NO_ENGINE,
        rank=9,
    ),
    Action("failures", "f", "failures", "All failed images", (Scope.ANYWHERE,), rank=21),
    Action("images", "i", "images", "All images, with a search", (Scope.ANYWHERE,), rank=24),
    Action("events", "e", "events", "The event log", (Scope.ANYWHERE,), rank=26),
    Action(
        "drain",
        "d",
        "drain",
        "Finish what is in flight, then end the engine, after a confirmation",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.STAYING_ENGINE,
        rank=28,
    ),
    Action(
        "more_workers",
        "plus,equals_sign",
        "one more worker",
        "One more worker",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.STAYING_ENGINE,
    ),
    Action(
        "fewer_workers",
        "minus",
        "one worker fewer",
        "One worker fewer",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.STAYING_ENGINE,
    ),
    Action(
        "freeze",
        "z",
        "freeze",
        "Freeze the display, or unfreeze it; the engine keeps running",
        (Scope.ANYWHERE,),
        rank=34,
    ),
    Action(
        "stop",
        "S",
        "stop engine",
        "Stop the engine now, after a confirmation; what is in flight starts over later",
        (Scope.ANYWHERE,),
        changes=True,
        requires=Precondition.ENGINE,
    ),
    Action(
        "theme",
        "T",
        "theme",
        "Choose colours: the terminal's own, or a theme, dark or light; your choice is remembered",
        (Scope.ANYWHERE,),
    ),
    Action("palette", "ctrl+p,colon", "commands", "Find a command by name", (Scope.ANYWHERE,)),
    Action("help", "question_mark,f1", "help", "All keys", (Scope.ANYWHERE,), rank=90, at_once=True),
    Action(
        "leave",
        "q,ctrl+q",
        "leave",
        "Leave; the engine keeps running",
        (Scope.ANYWHERE,),
        rank=91,
        at_once=True,
    ),
)

_KEYCAPS = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "colon": ":",
    "escape": "esc",
    "ctrl+p": "^p",
    "ctrl+q": "^q",
}
ALWAYS_SHOWN = ("help", "leave")
"""The actions that every footer has, however narrow."""


def keycap(key: str) -> str:
    """A key as it is written on the keyboard."""
    return _KEYCAPS.get(key, key)


def first_key(action: Action) -> str:
    return keycap(action.keys.split(",")[0])


def is_done_at_once(key: str) -> bool:
    """Whether the key does what it does also while the screen is still being read."""
    return any(action.at_once and key in action.keys.split(",") for action in ACTIONS)


def bindings(scope: Scope) -> list[BindingType]:
    """Textual's bindings of the actions that a screen, or the app, has in this scope."""
    return _bindings([action for action in ACTIONS if scope in action.scopes and not action.by_widget])


def widget_bindings(scope: Scope) -> list[BindingType]:
    """Those of the widget that has the keys in this scope."""
    return _bindings([action for action in ACTIONS if scope in action.scopes and action.by_widget])


def _bindings(actions: Sequence[Action]) -> list[BindingType]:
    return [
        Binding(
            action.keys,
            action.id,
            action.label,
            id=action.id,
            tooltip=action.tooltip,
            key_display=first_key(action),
        )
        for action in actions
    ]


def actions_in(scope: Scope) -> list[Action]:
    """The actions of this scope and those that work anywhere."""
    return [action for action in ACTIONS if scope in action.scopes or Scope.ANYWHERE in action.scopes]
