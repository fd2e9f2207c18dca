"""The event log, newest first, with a filter. It follows new events while the cursor is on the newest one.

Pages come from the ledger as they are needed, so that it goes back over the whole run. Once the cursor has left the
newest event, the list stands still: what comes later is above it, after `home`."""

from __future__ import annotations

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.models import Event
from engine.ledger.reader import LedgerReader
from tui.actions.registry import Scope, bindings
from tui.screens.base import BaseScreen
from tui.screens.navigation import OpenImage
from tui.state.view import View
from tui.widgets.event_details import EventDetails
from tui.widgets.events import KIND, event_line
from tui.widgets.filter_input import FilterInput
from tui.widgets.line_widget import line
from tui.widgets.list_header import ListHeader
from tui.widgets.paged_list import PAGE, PagedList, RowRenderer
from tui.widgets.row_details import rows_for_details

MOST_MATCHING = 5000
"""How many events with the words of the filter are listed, the newest."""


class EventList(BaseScreen):
    SCOPE = Scope.EVENTS
    BINDINGS = bindings(Scope.EVENTS)
    AUTO_FOCUS = "PagedList"

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._only_notable = False
        self._newest = 0
        """The newest event that is known; the list was last read for `_read_for`."""
        self._read_for = -1
        self._upto = 0
        """The first event of the list, which its pages go back from."""
        self._matching: list[Event] = []
        """With the words of the filter; empty without one, because pages come from the ledger then."""

    def body(self) -> Iterable[Widget]:
        renderer = RowRenderer[Event](
            lambda width: line(f"{'when':15}   {'what':{KIND}} image: event"),
            lambda event, width: event_line(event, width, now=self.typed_app.view.now),
        )
        yield ListHeader(id="header")
        yield PagedList(renderer, id="list", empty="No events.")
        yield EventDetails(id="details")
        yield FilterInput(id="filter")

    @property
    def is_read(self) -> bool:
        return self.paged_list.is_read

    @property
    def paged_list(self) -> PagedList[Event]:
        return self.query_one("#list", PagedList)

    def on_resize(self) -> None:
        super().on_resize()
        self.query_one(EventDetails).styles.height = rows_for_details(5, self.size.height)

    def show(self, view: View) -> None:
        super().show(view)
        if view.frozen_at is None:
            self._newest = view.status.events[0].id if view.status.events else 0
            self._follow()

    def _follow(self) -> None:
        """Read what is new, if the cursor is where it comes."""
        if self._read_for < 0 or (self._newest != self._read_for and self.paged_list.cursor == 0):
            self._read(again=True)

    def _read(self, *, again: bool = False) -> None:
        """The first rows of the list, or of the same list `again`."""
        self._read_for = self._newest
        self._load(self.paged_list.reset(keep_place=again), self._text.lower(), self._only_notable)

    @work(exclusive=True)
    async def _load(self, generation: int, text: str, only_notable: bool) -> None:
        if text:
            matching = await self.ask(
                lambda reader: self._find(reader, generation, text, only_notable=only_notable)
            )
            if matching is None or generation != self.paged_list.generation:
                return
            self._matching = matching
            self.paged_list.set_rows(generation, len(matching), 0, matching[:PAGE])
        else:
            found = await self.ask(
                lambda reader: (
                    reader.event_count(notable=only_notable),
                    reader.events(limit=PAGE, newest_first=True, notable=only_notable),
                )
            )
            if found is None or generation != self.paged_list.generation:
                return
            total, first = found
            self._upto = first[0].id if first else 0
            self.paged_list.set_rows(generation, total, 0, first)
        self._update_header()

    def _find(
        self, reader: LedgerReader, generation: int, text: str, *, only_notable: bool
    ) -> list[Event] | None:
        """None if another list is wanted by now: every key in the filter asks, and an answer takes its time."""
        if generation != self.paged_list.generation:
            return None
        return reader.events(limit=MOST_MATCHING, newest_first=True, text=text, notable=only_notable)

    def on_paged_list_page_needed(self, event: PagedList.PageNeeded) -> None:
        if self._text:
            first = event.page * PAGE
            self.paged_list.add_page(event.generation, event.page, self._matching[first : first + PAGE])
            self._update_header()
        else:
            self._load_page(event.generation, event.page, self._only_notable)

    @work
    async def _load_page(self, generation: int, page: int, only_notable: bool) -> None:
        before = self._upto + 1
        rows = await self.ask(
            lambda reader: reader.events(
                limit=PAGE,
                offset=page * PAGE,
                newest_first=True,
                before_id=before,
                notable=only_notable,
            )
        )
        if rows is not None:
            self.paged_list.add_page(generation, page, rows)
            self._update_header()

    def on_paged_list_cursor_moved(self, event: PagedList.CursorMoved) -> None:
        self._update_header()
        if self.paged_list.is_read and self.typed_app.view.frozen_at is None:
            self._follow()

    def on_paged_list_row_opened(self, event: PagedList.RowOpened) -> None:
        row = self.paged_list.current
        if row is not None and row.image_id is not None:
            self.post_message(OpenImage(row.image_id))
        else:
            self.typed_app.show_message(
                "This event is not about one image: it stands in full below the list."
            )

    def _update_header(self) -> None:
        facts = ["notable only"] if self._only_notable else []
        if self._text:
            facts.append(f"“{self._text}”")
            if len(self._matching) >= MOST_MATCHING:
                facts.append(f"the newest {formatting.integer(MOST_MATCHING)}")
        if self.paged_list.cursor:
            facts.append("home: the newest")
        self.query_one(ListHeader).show("Events", facts, self.paged_list.position)
        self.query_one(EventDetails).show(self.paged_list.current)

    def action_notable(self) -> None:
        self._only_notable = not self._only_notable
        self._read()

    def action_filter(self) -> None:
        self.query_one(FilterInput).open(self._text)

    def on_filter_input_changed(self, event: FilterInput.Changed) -> None:
        self._text = event.text
        self._read()

    def on_filter_input_closed(self, event: FilterInput.Closed) -> None:
        self.paged_list.focus()

    def action_back(self) -> None:
        if self._text:
            self._text = ""
            self.query_one(FilterInput).clear()
            self._read()
        else:
            self.dismiss()
