"""The page of one host: all that is known of it, and the orders that are about it alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import work
from textual.message import Message
from textual.widget import Widget

from engine.control.snapshot import HostSnapshot
from engine.ledger.models import Event
from tui.actions.registry import Scope, bindings
from tui.screens.base import BaseScreen
from tui.screens.host_text import HostPage, events_of, events_text, gone_text, page_text
from tui.state.host_words import host_word
from tui.state.hosts import hosts_of
from tui.state.view import View
from tui.widgets.line_widget import line
from tui.widgets.list_header import ListHeader
from tui.widgets.text_view import TextView


class HostView(TextView):
    """Drawn anew for each width, because bars and curves are as wide as it."""

    name_of_host = ""
    view: View | None = None
    page: HostPage | None = None
    """As it was last seen."""
    events: Sequence[Event] | None = None

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        if self.view is not None:
            self._paragraphs = self._text(self.view, columns)
        return super().lines(columns, rows)

    def _text(self, view: View, columns: int) -> list[Text]:
        page = HostPage.of(view.snapshot, self.name_of_host)
        if page is None:
            text = gone_text(self.name_of_host, self.page, view.snapshot, view.now)
            return [*text, line(""), *events_text(self.events, columns, view.now)]
        return page_text(page, self.events, view.now, columns)


class HostMessage(Message):
    """An order about a host, as it was shown then; None if it was not there."""

    def __init__(self, name: str, host: HostSnapshot | None) -> None:
        super().__init__()
        self.name = name
        self.host = host


class HostScreen(BaseScreen):
    SCOPE = Scope.HOST
    BINDINGS = bindings(Scope.HOST)

    class Drained(HostMessage):
        """It is to finish what it has, and leave."""

    class Forgotten(HostMessage):
        """Its invitation is to be void."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.host = name
        self._newest: object = None
        """The newest event when those of this host were read."""

    def body(self) -> Iterable[Widget]:
        yield ListHeader(id="header")
        yield HostView(id="host")

    def show(self, view: View) -> None:
        super().show(view)
        shown = self.query_one(HostView)
        page = HostPage.of(view.snapshot, self.host)
        shown.view, shown.name_of_host = view, self.host
        shown.page = page or shown.page
        facts = [host_word(page.host, page.state, view.now).label] if page else ["not there"]
        self.query_one(ListHeader).show(f"Host {self.host}", facts, page.place if page else "")
        shown.redraw()
        newest = view.status.events[0].id if view.status.events else None
        if view.frozen_at is None and (shown.events is None or newest != self._newest):
            self._newest = newest
            self._read_events(self.host)

    @work(exclusive=True)
    async def _read_events(self, name: str) -> None:
        found = await self.ask(lambda reader: events_of(reader, name))
        shown = self.query_one(HostView)
        if found is not None and name == self.host:
            shown.events = found
            shown.redraw()

    def action_next_host(self, by: int) -> None:
        names = [host.name for host in hosts_of(self.typed_app.view.snapshot)]
        if not names:
            return
        at = names.index(self.host) + by if self.host in names else 0
        self.host = names[at % len(names)]
        shown = self.query_one(HostView)
        shown.events, shown.page, shown.top = None, None, 0
        self.show(self.typed_app.view)

    def action_drain_host(self) -> None:
        self.post_message(self.Drained(self.host, self._shown_host))

    def action_forget_host(self) -> None:
        self.post_message(self.Forgotten(self.host, self._shown_host))

    @property
    def _shown_host(self) -> HostSnapshot | None:
        page = HostPage.of(self.typed_app.view.snapshot, self.host)
        return page.host if page else None

    def action_back(self) -> None:
        self.dismiss()
