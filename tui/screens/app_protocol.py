"""What the screens may ask of the app, so that they need not import it."""

from __future__ import annotations

from typing import Protocol

from tui.connection.engine_commands import EngineCommand
from tui.connection.ledger_thread import LedgerThread
from tui.state.view import View


class AppProtocol(Protocol):
    @property
    def view(self) -> View: ...

    @property
    def ledger(self) -> LedgerThread: ...

    @property
    def read_only(self) -> bool: ...

    def show_message(self, text: str, *, good: bool = True) -> None:
        """Show the result of an action on the status line."""

    def page_in_sight(self) -> None:
        """Another page may have come into sight: what was said on the last one is not shown on it."""

    def send_command(self, command: EngineCommand) -> None:
        """Send it to the engine, or refuse it if the app is read-only."""

    def choose_theme(self, name: str) -> None:
        """Draw in these colours from now on, and at the next start."""

    def may_change(self) -> bool:
        """Whether changes are allowed; if not, shows why."""
