"""The registry of actions: bindings, footer, command palette and help are made from it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from tui.actions.action import Action as Action
from tui.actions.action import Precondition as Precondition
from tui.actions.action import Scope as Scope
from tui.actions.anywhere import ANYWHERE_ACTIONS
from tui.actions.dashboard import DASHBOARD_ACTIONS
from tui.actions.pages import PAGE_ACTIONS

ACTIONS: tuple[Action, ...] = (*DASHBOARD_ACTIONS, *PAGE_ACTIONS, *ANYWHERE_ACTIONS)

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
