"""What all screens have in common: the status line, the footer, and questions to the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from tui.actions import available
from tui.actions.registry import Scope
from tui.connection.poller import CommandAnswered, sentence
from tui.screens.app_protocol import AppProtocol
from tui.screens.navigation import FindImages
from tui.state.status import banner, is_urgent, status_hint
from tui.state.view import View
from tui.widgets.footer import Footer
from tui.widgets.list_header import ListHeader
from tui.widgets.status_line import StatusLine

AnswerT = TypeVar("AnswerT")
_ROWS_FOR_BOTH = 24
"""Rows of a terminal from which a message does not cover what keeps the engine from working."""


class BaseScreen(Screen[None], inherit_bindings=False):
    """Subclasses give the body and draw each new view. Their keys are those of their scope, and no others."""

    SCOPE: ClassVar[Scope]
    AUTO_FOCUS = "PagedList, TextView, SelectablePanel"

    @property
    def typed_app(self) -> AppProtocol:
        """The app, typed as what screens may ask of it."""
        return cast(AppProtocol, self.app)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.body()
        yield StatusLine(id="status_line")
        yield Footer(id="footer")

    @property
    def scope_in_use(self) -> Scope:
        """Whose keys the footer shows."""
        return self.SCOPE

    @property
    def is_read(self) -> bool:
        """Whether what its keys are about has been read."""
        return True

    def action_find(self) -> None:
        self.post_message(FindImages())

    @property
    def status_line(self) -> StatusLine:
        return self.query_one("#status_line", StatusLine)

    def show(self, view: View) -> None:
        """There is a new view, or this screen has come into sight."""
        for header in self.query(ListHeader):
            header.show_state(banner(view.status, view.now))
        self.show_message(view)
        self.show_footer()

    def show_message(self, view: View) -> None:
        """Only the message has changed."""
        both = is_urgent(view.status) and self.size.height >= _ROWS_FOR_BOTH
        self.status_line.show(view.result, self.hint(view), both=both)

    def hint(self, view: View) -> str:
        """The line that is shown while there is no message."""
        return status_hint(view.status, read_only=view.read_only)

    def answered(self, answer: CommandAnswered) -> None:
        """The engine took or refused a command, which may have been sent from another screen."""

    async def ask(self, question: Callable[[LedgerReader], AnswerT]) -> AnswerT | None:
        """The ledger's answer; None if it has none, which is shown, or if this screen has been closed meanwhile."""
        try:
            answer = await self.typed_app.ledger.ask(question)
        except (UserError, sqlite3.Error) as error:
            self.typed_app.show_message(sentence(str(error)), good=False)
            return None
        return answer if self in self.app.screen_stack else None

    def show_footer(self) -> None:
        view = self.typed_app.view
        hints = available.footer_hints(
            self.scope_in_use,
            view.status,
            self.size.width,
            read_only=view.read_only,
            frozen=view.frozen_at is not None,
        )
        self.query_one("#footer", Footer).show(hints)

    def on_screen_resume(self) -> None:
        self.typed_app.page_in_sight()
        self.show(self.typed_app.view)

    def on_resize(self) -> None:
        self.show_footer()
