"""What the screens may ask of the app; so that they need not know the app itself."""

from __future__ import annotations

from typing import Protocol

from tui.connection.engine_commands import Order
from tui.connection.ledger_thread import Shelf
from tui.state.view import View


class AppProtocol(Protocol):
    @property
    def view(self) -> View: ...

    @property
    def shelf(self) -> Shelf: ...

    @property
    def read_only(self) -> bool: ...

    def say(self, text: str, *, good: bool = True) -> None:
        """Tell the result of an action on the line above the footer."""

    def order(self, order: Order) -> None:
        """Send it to the engine, or refuse it when read-only."""

    def may_change(self) -> bool:
        """True when changes are allowed; says so when not."""
