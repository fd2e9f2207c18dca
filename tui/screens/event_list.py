"""The event log, newest first, with a filter. With the cursor on the newest it follows; else it stands still."""

from __future__ import annotations

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from engine.ledger.models import Event
from tui import formatting
from tui.actions.registry import Place, bindings
from tui.screens.base import Page
from tui.state.view import View
from tui.widgets.events import KIND, event_line
from tui.widgets.filter_input import Entry
from tui.widgets.line_widget import line
from tui.widgets.list_header import Caption
from tui.widgets.paged_list import PAGE, Listing, RowRenderer

NEWEST = 5000
"""So many events are shown; the ledger has them all."""


class EventLog(Page):
    PLACE = Place.EVENTS
    BINDINGS = bindings(Place.EVENTS)
    AUTO_FOCUS = "Listing"

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Event] = []
        self._shown: list[Event] = []
        self._text = ""
        self._newest = -1

    def body(self) -> Iterable[Widget]:
        face = RowRenderer[Event](
            lambda width: line(f"{'when':15}   {'what':{KIND}} image: event"),
            lambda event, width: event_line(event, width, now=self.host.view.now),
        )
        yield Caption(id="caption")
        yield Listing(face, id="listing", empty="Nothing has happened yet.")
        yield Entry(id="filter")

    @property
    def listing(self) -> Listing[Event]:
        return self.query_one("#listing", Listing)

    def show(self, view: View) -> None:
        super().show(view)
        newest = view.picture.events[0].id if view.picture.events else 0
        if newest != self._newest and view.frozen_at is None:
            self._newest = newest
            self._load()

    @work(exclusive=True)
    async def _load(self) -> None:
        events = await self.ask(lambda reader: reader.events(limit=NEWEST, newest_first=True))
        if events is not None:
            self._events = list(events)
            self._refill(keep_place=self.listing.cursor > 0)

    def _refill(self, *, keep_place: bool) -> None:
        wanted = self._text.casefold()
        self._shown = [event for event in self._events if wanted in searched(event)]
        here = self.listing.current
        generation = self.listing.reset(keep_place=keep_place)
        at = self.listing.cursor
        if keep_place and here is not None:
            at = next((index for index, event in enumerate(self._shown) if event.id == here.id), at)
        first = at // PAGE * PAGE
        self.listing.begin(generation, len(self._shown), first, self._shown[first : first + PAGE])
        self._caption()

    def on_listing_wanted(self, event: Listing.Wanted) -> None:
        first = event.page * PAGE
        self.listing.put(event.generation, event.page, self._shown[first : first + PAGE])

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self._caption()

    def on_listing_opened(self, event: Listing.Opened) -> None:
        from tui.screens.image_detail import Detail

        row = self.listing.current
        if row is not None and row.image_id is not None:
            self.app.push_screen(Detail(row.image_id))
        else:
            self.host.say("This event is about no single image.")

    def _caption(self) -> None:
        facts = [f"“{self._text}”"] if self._text else []
        if len(self._events) >= NEWEST:
            facts.append(f"the newest {formatting.integer(NEWEST)}")
        if self.listing.cursor:
            facts.append("home: the newest")
        self.query_one(Caption).show("Events", facts, self.listing.position)

    def action_filter(self) -> None:
        self.query_one(Entry).open(self._text)

    def on_entry_changed_to(self, event: Entry.ChangedTo) -> None:
        self._text = event.text
        self._refill(keep_place=False)

    def on_entry_closed(self, event: Entry.Closed) -> None:
        self.listing.focus()

    def action_back(self) -> None:
        if self._text:
            self._text = ""
            self.query_one(Entry).clear()
            self._refill(keep_place=False)
        else:
            self.dismiss()


def searched(event: Event) -> str:
    """What the filter looks into."""
    return f"{event.kind} {event.image} {event.message}".casefold()
