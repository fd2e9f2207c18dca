"""The event log, newest first, with a filter. It follows new events while the cursor is on the newest one."""

from __future__ import annotations

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.models import Event
from tui.actions.registry import Scope, bindings
from tui.screens.base import BaseScreen
from tui.screens.navigation import OpenImage
from tui.state.view import View
from tui.widgets.events import KIND, event_line
from tui.widgets.filter_input import FilterInput
from tui.widgets.line_widget import line
from tui.widgets.list_header import ListHeader
from tui.widgets.paged_list import PAGE, PagedList, RowRenderer

NEWEST = 5000
"""How many events are shown; the ledger has them all."""


class EventList(BaseScreen):
    SCOPE = Scope.EVENTS
    BINDINGS = bindings(Scope.EVENTS)
    AUTO_FOCUS = "PagedList"

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = []
        self._matching: list[Event] = []
        self._text = ""
        self._newest = -1

    def body(self) -> Iterable[Widget]:
        renderer = RowRenderer[Event](
            lambda width: line(f"{'when':15}   {'what':{KIND}} image: event"),
            lambda event, width: event_line(event, width, now=self.typed_app.view.now),
        )
        yield ListHeader(id="header")
        yield PagedList(renderer, id="list", empty="No events yet.")
        yield FilterInput(id="filter")

    @property
    def is_read(self) -> bool:
        return self.paged_list.is_read

    @property
    def paged_list(self) -> PagedList[Event]:
        return self.query_one("#list", PagedList)

    def show(self, view: View) -> None:
        super().show(view)
        newest = view.status.events[0].id if view.status.events else 0
        if newest != self._newest and view.frozen_at is None:
            self._newest = newest
            self._load()

    @work(exclusive=True)
    async def _load(self) -> None:
        events = await self.ask(lambda reader: reader.events(limit=NEWEST, newest_first=True))
        if events is not None:
            self._events = list(events)
            self._refill(keep_place=self.paged_list.cursor > 0)

    def _refill(self, *, keep_place: bool) -> None:
        wanted = self._text.casefold()
        self._matching = [event for event in self._events if wanted in searchable_text(event)]
        here = self.paged_list.current
        generation = self.paged_list.reset(keep_place=keep_place)
        at = self.paged_list.cursor
        if keep_place and here is not None:
            at = next((index for index, event in enumerate(self._matching) if event.id == here.id), at)
        first = at // PAGE * PAGE
        self.paged_list.set_rows(generation, len(self._matching), first, self._matching[first : first + PAGE])
        self._update_header()

    def on_paged_list_page_needed(self, event: PagedList.PageNeeded) -> None:
        first = event.page * PAGE
        self.paged_list.add_page(event.generation, event.page, self._matching[first : first + PAGE])

    def on_paged_list_cursor_moved(self, event: PagedList.CursorMoved) -> None:
        self._update_header()

    def on_paged_list_row_opened(self, event: PagedList.RowOpened) -> None:
        row = self.paged_list.current
        if row is not None and row.image_id is not None:
            self.post_message(OpenImage(row.image_id))
        else:
            self.typed_app.show_message("This event is not about one image.")

    def _update_header(self) -> None:
        facts = [f"“{self._text}”"] if self._text else []
        if len(self._events) >= NEWEST:
            facts.append(f"the newest {formatting.integer(NEWEST)}")
        if self.paged_list.cursor:
            facts.append("home: the newest")
        self.query_one(ListHeader).show("Events", facts, self.paged_list.position)

    def action_filter(self) -> None:
        self.query_one(FilterInput).open(self._text)

    def on_filter_input_changed(self, event: FilterInput.Changed) -> None:
        self._text = event.text
        self._refill(keep_place=False)

    def on_filter_input_closed(self, event: FilterInput.Closed) -> None:
        self.paged_list.focus()

    def action_back(self) -> None:
        if self._text:
            self._text = ""
            self.query_one(FilterInput).clear()
            self._refill(keep_place=False)
        else:
            self.dismiss()


def searchable_text(event: Event) -> str:
    """The text that the filter searches."""
    return f"{event.kind} {event.image} {event.message}".casefold()
