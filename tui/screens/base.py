"""What all screens have: the line that tells results, and the footer."""

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
from tui.state.status import banner, is_urgent, status_hint
from tui.state.view import View
from tui.widgets.footer import Footer
from tui.widgets.list_header import ListHeader
from tui.widgets.status_line import StatusLine

AnswerT = TypeVar("AnswerT")
_ROOM_FOR_BOTH = 24
"""Rows of a terminal from which a result need not cover what stands in the way."""


class BaseScreen(Screen[None]):
    """Subclasses give the body and say what to do with a new view."""

    PLACE: ClassVar[Scope]
    AUTO_FOCUS = "PagedList, TextView, SelectablePanel"

    @property
    def typed_app(self) -> AppProtocol:
        return cast(AppProtocol, self.app)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.body()
        yield StatusLine(id="status_line")
        yield Footer(id="keys")

    @property
    def status_line(self) -> StatusLine:
        return self.query_one("#status_line", StatusLine)

    def show(self, view: View) -> None:
        """A new view has come, or this screen has."""
        for caption in self.query(ListHeader):
            caption.state(banner(view.status, view.now))
        self.show_message(view)
        self.show_keys()

    def show_message(self, view: View) -> None:
        """Only the line above the footer has changed."""
        both = is_urgent(view.status) and self.size.height >= _ROOM_FOR_BOTH
        self.status_line.show(view.result, status_hint(view.status, read_only=view.read_only), both=both)

    def answered(self, answer: CommandAnswered) -> None:
        """An order was taken or refused; it may have been given on another page."""

    async def ask(self, question: Callable[[LedgerReader], AnswerT]) -> AnswerT | None:
        """The ledger's answer; None when there is none, which is told, and when this page is gone meanwhile."""
        try:
            answer = await self.typed_app.ledger.ask(question)
        except (UserError, sqlite3.Error) as error:
            self.typed_app.show_message(sentence(str(error)), good=False)
            return None
        return answer if self in self.app.screen_stack else None

    def show_keys(self) -> None:
        view = self.typed_app.view
        hints = available.footer(
            self.PLACE,
            view.status,
            self.size.width,
            read_only=view.read_only,
            frozen=view.frozen_at is not None,
        )
        self.query_one("#keys", Footer).show(hints)

    def on_screen_resume(self) -> None:
        self.show(self.typed_app.view)

    def on_resize(self) -> None:
        self.show_keys()
