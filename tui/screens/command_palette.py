"""The entries of the command palette, from the registry of actions; and the themes to choose from."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import available, registry
from tui.actions.registry import Action
from tui.screens.app_protocol import AppProtocol
from tui.screens.base import BaseScreen
from tui.theme import TERMINAL, THEMES


class ActionProvider(Provider):
    """The actions that are available here and now, by name."""

    def _available(self) -> list[Action]:
        screen = self.screen
        view = cast(AppProtocol, self.app).view
        scope = screen.SCOPE if isinstance(screen, BaseScreen) else registry.Scope.DASHBOARD
        return [
            action
            for action in registry.actions_in(scope)
            if not action.by_widget
            and action.id != "palette"
            and available.is_offered(action, view.status, read_only=view.read_only)
        ]

    def _title(self, action: Action) -> str:
        view = cast(AppProtocol, self.app).view
        name = available.label(action, view.status, frozen=view.frozen_at is not None)
        return f"{name} ({registry.first_key(action)})"

    def _do(self, action: Action) -> partial[Coroutine[Any, Any, None]]:
        return partial(self.screen.run_action, action_name(action))

    async def discover(self) -> Hits:
        for action in self._available():
            yield DiscoveryHit(self._title(action), self._do(action), help=action.tooltip)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._available():
            title = self._title(action)
            score = max(matcher.match(title), matcher.match(action.tooltip) * 0.6)
            if score > 0:
                yield Hit(score, matcher.highlight(title), self._do(action), help=action.tooltip)


class ThemeProvider(Provider):
    """The themes, by name."""

    async def discover(self) -> Hits:
        for name in THEMES:
            yield DiscoveryHit(theme_title(name), self._choose(name))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name in THEMES:
            title = theme_title(name)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), self._choose(name))

    def _choose(self, name: str) -> partial[None]:
        return partial(cast(AppProtocol, self.app).choose_theme, name)


def theme_title(name: str) -> str:
    if name == TERMINAL.name:
        return f"{name}: its own colours"
    return f"{name}: {'dark' if THEMES[name].dark else 'light'}"


def action_name(action: Action) -> str:
    """Textual's name of the action; actions that work anywhere belong to the app."""
    return f"app.{action.id}" if registry.Scope.ANYWHERE in action.scopes else action.id
