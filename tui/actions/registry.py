"""The one registry of what a person can do: it feeds the bindings, the footer, the command palette and the help."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where an action can be done; the help shows them in this order."""

    DASHBOARD = "On the dashboard"
    LIST = "In a list"
    FAILED = "With failed images"
    DETAIL = "In an image's detail"
    EVENTS = "In the event log"
    HELP = "In this help"
    ANYWHERE = "Anywhere"


class Precondition(StrEnum):
    """What has to be so for the action to make sense now."""

    NOTHING = "nothing"
    ENGINE = "engine"
    STAYING_ENGINE = "an engine that is not leaving"
    NO_ENGINE = "no engine"


@dataclass(frozen=True)
class Action:
    id: str
    """Also the method: `action_<id>`."""
    keys: str
    """Textual's names, by commas; the first is the one that is shown."""
    label: str
    tooltip: str
    places: tuple[Scope, ...]
    changes: bool = False
    """It changes something, so `--read-only` refuses it."""
    needs: Precondition = Precondition.NOTHING
    rank: int = 0
    """EngineCommand in the footer, 1 first; 0 is never in the footer."""
    short: str = ""
    """A shorter label for the footer."""
    bound: bool = True
    """False where a widget binds the keys itself, as the arrows; then it is only in the help."""


_LISTS = (Scope.LIST, Scope.FAILED)
_IMAGES = (Scope.LIST, Scope.FAILED, Scope.DETAIL)

ACTIONS: tuple[Action, ...] = (
    Action(
        "open_row", "enter", "open", "Open what is under the cursor", (Scope.DASHBOARD,), rank=40, bound=False
    ),
    Action(
        "next_section",
        "tab",
        "next section",
        "Move between batches and failures",
        (Scope.DASHBOARD,),
        bound=False,
    ),
    Action(
        "detail",
        "enter",
        "detail",
        "Everything known of this image: attempts, header, warnings",
        _LISTS,
        rank=19,
        bound=False,
    ),
    Action("select", "space", "select", "Select or unselect this row", (Scope.FAILED,), rank=14),
    Action("select_all", "A", "select all", "Select all rows shown, or none", (Scope.FAILED,), rank=18),
    Action(
        "filter",
        "slash",
        "filter",
        "Show only what has these words in its name, path, barcode, record or message",
        (*_LISTS, Scope.EVENTS),
        rank=16,
    ),
    Action(
        "by_state", "t", "state", "Only images of one state: the next, then all again", (Scope.LIST,), rank=17
    ),
    Action("sort", "o", "sort", "The next order", _LISTS, rank=30),
    Action("sort_back", "O", "reverse", "The same order, reversed", _LISTS),
    Action(
        "requeue",
        "r",
        "requeue",
        "Send the selected images round again, or this one",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=10,
    ),
    Action(
        "requeue_all",
        "R",
        "requeue all",
        "Send all images shown round again",
        (Scope.FAILED,),
        changes=True,
        short="all",
        rank=11,
    ),
    Action(
        "accept",
        "a",
        "accept",
        "Take the selected images, or this one, out of the account with a reason",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=13,
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
        "back", "escape", "back", "Back to where you came from", (*_IMAGES, Scope.EVENTS, Scope.HELP), rank=8
    ),
    Action(
        "pause",
        "p",
        "pause",
        "Pause the engine, or resume it: nothing new starts, what is in flight is finished",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.STAYING_ENGINE,
        rank=20,
    ),
    Action(
        "start",
        "s",
        "start",
        "Start the engine",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.NO_ENGINE,
        rank=9,
    ),
    Action("failures", "f", "failures", "All failed images", (Scope.ANYWHERE,), rank=21),
    Action("images", "i", "images", "All images, with a search", (Scope.ANYWHERE,), rank=24),
    Action("events", "e", "events", "The event log", (Scope.ANYWHERE,), rank=26),
    Action(
        "drain",
        "d",
        "drain",
        "Finish what is in flight, then the engine leaves",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.STAYING_ENGINE,
        rank=28,
    ),
    Action(
        "more_workers",
        "plus,equals_sign",
        "a worker more",
        "One worker more",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.STAYING_ENGINE,
    ),
    Action(
        "fewer_workers",
        "minus",
        "a worker fewer",
        "One worker fewer",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.STAYING_ENGINE,
    ),
    Action(
        "freeze",
        "z",
        "freeze",
        "Keep the picture still, or let it live again; the engine goes on",
        (Scope.ANYWHERE,),
        rank=34,
    ),
    Action(
        "stop",
        "S",
        "stop engine",
        "Stop the engine now, after a question; what is in flight starts over later",
        (Scope.ANYWHERE,),
        changes=True,
        needs=Precondition.ENGINE,
    ),
    Action("palette", "ctrl+p,colon", "commands", "Find a command by name", (Scope.ANYWHERE,)),
    Action("help", "question_mark,f1", "help", "All keys", (Scope.ANYWHERE,), rank=90),
    Action("leave", "q,ctrl+q", "leave", "Leave; the engine goes on", (Scope.ANYWHERE,), rank=91),
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
ALWAYS = ("help", "leave")
"""The actions every footer has, however narrow."""


def keycap(key: str) -> str:
    """A key as it is written on the keyboard."""
    return _KEYCAPS.get(key, key)


def first_key(action: Action) -> str:
    return keycap(action.keys.split(",")[0])


def find(action_id: str) -> Action:
    return next(action for action in ACTIONS if action.id == action_id)


def bindings(*places: Scope) -> list[BindingType]:
    """Textual's bindings of the actions that belong to any of `places`."""
    return [
        Binding(
            action.keys,
            action.id,
            action.label,
            id=action.id,
            tooltip=action.tooltip,
            key_display=first_key(action),
        )
        for action in ACTIONS
        if action.bound and set(action.places) & set(places)
    ]


def at(place: Scope) -> list[Action]:
    """The actions of a place and those that work anywhere."""
    return [action for action in ACTIONS if place in action.places or Scope.ANYWHERE in action.places]
