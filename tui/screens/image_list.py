"""A list of images that pages through the ledger: filter, sort, and each image's detail."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import work
from textual.widget import Widget

from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.schema import STATES
from tui import formatting
from tui.actions.registry import Place, bindings
from tui.connection.ledger_thread import Query
from tui.connection.poller import Answered
from tui.screens.base import Page
from tui.state.view import View
from tui.widgets.filter_input import Entry
from tui.widgets.image_columns import IMAGE_COLUMNS, Column, face
from tui.widgets.list_header import Caption
from tui.widgets.paged_list import PAGE, Listing
from tui.widgets.row_details import Notes

_REFRESH_S = 2.0
"""At most so often a list is asked for again while the engine changes what is in it."""
_SORTS = {
    "id": "as imported",
    "target": "by target",
    "cause": "by cause",
    "megapixels": "by size",
    "updated": "by last change",
}
"""The orders of a list, as `o` goes through them, and how they are called."""
_STATES = (None, *STATES)
"""As `t` goes through them; None is every state."""


@dataclass(frozen=True)
class Found:
    """The answer to a query: how many, and the page with the row that was wanted."""

    total: int
    first: int
    rows: list[ImageRow]
    seconds: float
    selected_left: frozenset[int] = frozenset()
    """Of the selected images, those that could still be sent round again or accepted."""
    selected_seen: frozenset[int] = frozenset()
    """Of these, those that the list shows, here or further down."""


class Gallery(Page):
    """All images that meet a query. `Failed` can do something with them."""

    PLACE: ClassVar[Place] = Place.LIST
    BINDINGS = bindings(Place.LIST)
    AUTO_FOCUS = "Listing"
    HEADING: ClassVar[str] = "Images"
    EMPTY: ClassVar[str] = "No image is like that."
    SAYS_STATE: ClassVar[bool] = True

    def __init__(self, query: Query) -> None:
        super().__init__()
        self.images = query
        self._known: object = None
        """The account when the list was last asked for."""
        self._asked_at = 0.0
        self._cost_s = 0.0
        self._unseen = 0
        """How many of the selected images the list does not show."""

    def body(self) -> Iterable[Widget]:
        yield Caption(id="caption")
        yield Listing(face(self._columns), id="listing", empty=self.EMPTY)
        yield Notes(id="notes")
        yield Entry(id="filter")

    @property
    def _columns(self) -> tuple[Column, ...]:
        return IMAGE_COLUMNS

    @property
    def listing(self) -> Listing[ImageRow]:
        return self.query_one("#listing", Listing)

    def on_mount(self) -> None:
        self.reload()

    def show(self, view: View) -> None:
        super().show(view)
        known = self._account(view)
        due = time.monotonic() - self._asked_at > max(_REFRESH_S, 5 * self._cost_s)
        if view.frozen_at is None and self._known is not None and known != self._known and due:
            self.reload(keep_place=True)
        self._caption()

    def _account(self, view: View) -> object:
        """Changes when the list may have changed."""
        return view.snapshot.totals if view.snapshot else None

    # -- rows ----

    def reload(self, *, keep_place: bool = False) -> None:
        self._known = self._account(self.host.view)
        self._asked_at = time.monotonic()
        generation = self.listing.reset(keep_place=keep_place)
        self._load(generation, self.listing.cursor // PAGE * PAGE)

    @work(exclusive=True, group="query")
    async def _load(self, generation: int, first: int) -> None:
        query, selected = self.images, frozenset(self.listing.selected)
        found = await self.ask(lambda reader: find(reader, query, first, selected))
        if found is None:
            return
        self._cost_s = found.seconds
        if generation == self.listing.generation:
            gone = selected - found.selected_left
            self.listing.selected -= gone
            self._unseen = len(found.selected_left - found.selected_seen)
        self.listing.begin(generation, found.total, found.first, found.rows)
        self._caption()

    @work(group="pages")
    async def _load_page(self, generation: int, page: int) -> None:
        query = self.images
        rows = await self.ask(lambda reader: page_of(reader, query, page * PAGE))
        if rows is not None:
            self.listing.put(generation, page, rows)

    def on_listing_wanted(self, event: Listing.Wanted) -> None:
        self._load_page(event.generation, event.page)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self.query_one(Notes).show(self.listing.current)
        self._caption()

    def on_listing_opened(self, event: Listing.Opened) -> None:
        from tui.screens.image_detail import Detail

        row = self.listing.current
        if row is not None:
            self.app.push_screen(Detail(row.id))

    def _caption(self) -> None:
        listing, query = self.listing, self.images
        state = query.state.replace("_", " ") if query.state and self.SAYS_STATE else None
        facts = [fact for fact in (query.batch, state, query.cause, query.uuid) if fact]
        if query.text:
            facts.append(f"“{query.text}”")
        if query.sort != "id" or query.descending:
            facts.append(_SORTS[query.sort] + (", backwards" if query.descending else ""))
        if listing.selected:
            unseen = f", {formatting.integer(self._unseen)} of them not shown" if self._unseen else ""
            facts.append(f"{formatting.integer(len(listing.selected))} selected{unseen}")
        self.query_one(Caption).show(self.HEADING, facts, listing.position)

    def answered(self, answer: Answered) -> None:
        if answer.reply is not None:
            self.reload(keep_place=True)

    # -- what the keys do ----

    def action_back(self) -> None:
        if self.images.text:
            self.images = replace(self.images, text=None)
            self.query_one(Entry).clear()
            self.reload()
        else:
            self.dismiss()

    def action_filter(self) -> None:
        self.query_one(Entry).open(self.images.text or "")

    def on_entry_changed_to(self, event: Entry.ChangedTo) -> None:
        text = event.text or None
        if text != self.images.text:
            self.images = replace(self.images, text=text)
            self.reload()

    def on_entry_closed(self, event: Entry.Closed) -> None:
        self.listing.focus()

    def action_by_state(self) -> None:
        following = _STATES[(_STATES.index(self.images.state) + 1) % len(_STATES)]
        self.images = replace(self.images, state=following)
        self.reload()

    def action_sort(self) -> None:
        names = list(_SORTS)
        following = names[(names.index(self.images.sort) + 1) % len(names)]
        self.images = replace(self.images, sort=following, descending=False)
        self.reload()

    def action_sort_back(self) -> None:
        self.images = replace(self.images, descending=not self.images.descending)
        self.reload()

    def action_representation(self) -> None:
        from tui.screens.representation import Representation

        row = self.listing.current
        if row is not None:
            self.app.push_screen(Representation(row.uuid))


def find(reader: LedgerReader, query: Query, first: int, selected: frozenset[int] = frozenset()) -> Found:
    """How many images there are, a page of them, and what has become of the selected ones."""
    began = time.monotonic()
    total = reader.count(**query.limits)
    rows = page_of(reader, query, first)
    left = seen = selected
    if selected:
        left = frozenset(reader.ids(state=query.state, among=selected))
        seen = frozenset(reader.ids(**query.limits, among=selected))
    return Found(total, first, rows, time.monotonic() - began, left, seen)


def page_of(reader: LedgerReader, query: Query, first: int) -> list[ImageRow]:
    return reader.images(
        **query.limits, sort=query.sort, descending=query.descending, limit=PAGE, offset=first
    )
