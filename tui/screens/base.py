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
from tui.actions.registry import Place
from tui.connection.poller import Answered, sentence
from tui.screens.app_protocol import AppProtocol
from tui.state.status import banner, is_urgent, standing
from tui.state.view import View
from tui.widgets.footer import Keys
from tui.widgets.list_header import Caption
from tui.widgets.status_line import Told

AnswerT = TypeVar("AnswerT")
_ROOM_FOR_BOTH = 24
"""Rows of a terminal from which a result need not cover what stands in the way."""


class Page(Screen[None]):
    """Subclasses give the body and say what to do with a new view."""

    PLACE: ClassVar[Place]
    AUTO_FOCUS = "Listing, Paper, Menu"

    @property
    def host(self) -> AppProtocol:
        return cast(AppProtocol, self.app)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.body()
        yield Told(id="told")
        yield Keys(id="keys")

    @property
    def told(self) -> Told:
        return self.query_one("#told", Told)

    def show(self, view: View) -> None:
        """A new view has come, or this screen has."""
        for caption in self.query(Caption):
            caption.state(banner(view.picture, view.now))
        self.tell(view)
        self.show_keys()

    def tell(self, view: View) -> None:
        """Only the line above the footer has changed."""
        both = is_urgent(view.picture) and self.size.height >= _ROOM_FOR_BOTH
        self.told.tell(view.said, standing(view.picture, read_only=view.read_only), both=both)

    def answered(self, answer: Answered) -> None:
        """An order was taken or refused; it may have been given on another page."""

    async def ask(self, question: Callable[[LedgerReader], AnswerT]) -> AnswerT | None:
        """The ledger's answer; None when there is none, which is told, and when this page is gone meanwhile."""
        try:
            answer = await self.host.shelf.ask(question)
        except (UserError, sqlite3.Error) as error:
            self.host.say(sentence(str(error)), good=False)
            return None
        return answer if self in self.app.screen_stack else None

    def show_keys(self) -> None:
        view = self.host.view
        hints = available.footer(
            self.PLACE,
            view.picture,
            self.size.width,
            read_only=view.read_only,
            frozen=view.frozen_at is not None,
        )
        self.query_one("#keys", Keys).show(hints)

    def on_screen_resume(self) -> None:
        self.show(self.host.view)

    def on_resize(self) -> None:
        self.show_keys()
