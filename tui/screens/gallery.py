"""A list of images that pages through the ledger: filter, sort, select, and send round again or accept."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import work
from textual.widget import Widget

from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.ledger.rows import ImageRow
from engine.ledger.schema import STATES
from engine.ledger.selection import Selection
from tui import orders, words
from tui.actions import Place, bindings
from tui.faces import FAILED_COLUMNS, IMAGE_COLUMNS, Column, face, name_of
from tui.link import sentence
from tui.screens.page import Page
from tui.screens.question import Confirm, Reason
from tui.shelf import Query
from tui.view import View
from tui.widgets.caption import Caption
from tui.widgets.entry import Entry
from tui.widgets.listing import PAGE, Listing
from tui.widgets.notes import Notes

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


class Gallery(Page):
    """All images that meet a query. `Failed` has the actions on top."""

    PLACE: ClassVar[Place] = Place.LIST
    BINDINGS = bindings(Place.LIST)
    AUTO_FOCUS = "Listing"
    HEADING: ClassVar[str] = "Images"
    EMPTY: ClassVar[str] = "No image is like that."

    def __init__(self, query: Query) -> None:
        super().__init__()
        self.images = query
        self._known: object = None
        """The account when the list was last asked for."""
        self._asked_at = 0.0
        self._cost_s = 0.0

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
        try:
            found = await self.host.shelf.ask(lambda reader: find(reader, self.images, first))
        except (UserError, sqlite3.Error) as error:
            self.host.say(sentence(error), good=False)
            return
        self._cost_s = found.seconds
        self.listing.begin(generation, found.total, found.first, found.rows)
        self._caption()

    @work(group="pages")
    async def _load_page(self, generation: int, page: int) -> None:
        try:
            rows = await self.host.shelf.ask(lambda reader: page_of(reader, self.images, page * PAGE))
        except (UserError, sqlite3.Error) as error:
            self.host.say(sentence(error), good=False)
            return
        self.listing.put(generation, page, rows)

    def on_listing_wanted(self, event: Listing.Wanted) -> None:
        self._load_page(event.generation, event.page)

    def on_listing_moved(self, event: Listing.Moved) -> None:
        self.query_one(Notes).show(self.listing.current)
        self._caption()

    def on_listing_opened(self, event: Listing.Opened) -> None:
        from tui.screens.detail import Detail

        row = self.listing.current
        if row is not None:
            self.app.push_screen(Detail(row.id))

    def _caption(self) -> None:
        listing, query = self.listing, self.images
        state = query.state.replace("_", " ") if query.state and self.HEADING != Failed.HEADING else None
        facts = [fact for fact in (query.batch, state, query.cause, query.uuid) if fact]
        if query.text:
            facts.append(f"“{query.text}”")
        if query.sort != "id" or query.descending:
            facts.append(_SORTS[query.sort] + (", backwards" if query.descending else ""))
        if listing.selected:
            facts.append(f"{words.integer(len(listing.selected))} selected")
        self.query_one(Caption).show(self.HEADING, facts, listing.position)

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


class Failed(Gallery):
    """The failed images, and what can be done with them."""

    PLACE = Place.FAILED
    BINDINGS = bindings(Place.FAILED)
    HEADING = "Failures"
    EMPTY = "No image has failed here."

    @property
    def _columns(self) -> tuple[Column, ...]:
        return FAILED_COLUMNS

    def _account(self, view: View) -> object:
        return (view.snapshot.totals.failed, view.snapshot.failures_by_cause) if view.snapshot else None

    def action_select(self) -> None:
        self.listing.toggle()
        self._caption()

    def action_select_all(self) -> None:
        if self.listing.selected:
            self.listing.selected = set()
            self.listing.redraw()
            self._caption()
        else:
            self._select_all()

    @work(exclusive=True, group="select")
    async def _select_all(self) -> None:
        query = self.images
        ids = await self.host.shelf.ask(lambda reader: reader.ids(**query.limits))
        self.listing.selected = set(ids)
        self.listing.redraw()
        self._caption()

    def _chosen(self) -> list[int]:
        """The selected images, or the one under the cursor."""
        row = self.listing.current
        return sorted(self.listing.selected) or ([row.id] if row is not None else [])

    def action_requeue(self) -> None:
        ids = self._chosen()
        if not ids:
            self.host.say("There is nothing to requeue.", good=False)
        elif self.host.may_change():
            self.host.order(orders.requeue(Selection(ids=tuple(ids)).to_json()))
            self._done_with()

    @work(exclusive=True, group="question")
    async def action_requeue_all(self) -> None:
        total = self.listing.total
        if not total:
            self.host.say("There is nothing to requeue.", good=False)
            return
        if not self.host.may_change():
            return
        query = self.images
        what = ", ".join(self._limits()) or "every batch and every cause"
        question = Confirm(
            f"Send {words.counted(total, 'image')} round again?",
            [f"All failed images shown: {what}.", "What is not mended will fail again."],
            "requeue",
        )
        if await self.app.push_screen_wait(question):
            whole = not (query.batch or query.cause or query.text)
            selection = Selection(batch=query.batch, cause=query.cause, text=query.text, all=whole)
            self.host.order(orders.requeue(selection.to_json()))
            self._done_with()

    def _limits(self) -> list[str]:
        query = self.images
        limits = [f"batch {query.batch}" if query.batch else "", query.cause or ""]
        return [limit for limit in [*limits, f"with “{query.text}”" if query.text else ""] if limit]

    @work(exclusive=True, group="question")
    async def action_accept(self) -> None:
        ids = self._chosen()
        if not ids:
            self.host.say("There is nothing to accept.", good=False)
            return
        if not self.host.may_change():
            return
        row = self.listing.current
        one = words.fit(name_of(row), 40, words.Keep.BOTH) if row is not None else "the image"
        what = words.counted(len(ids), "image") if len(ids) > 1 or self.listing.selected else one
        reason = await self.app.push_screen_wait(Reason(f"Accept {what} as it is, without a JPEG?"))
        if reason:
            self.host.order(orders.accept(ids, reason))
            self._done_with()

    def _done_with(self) -> None:
        self.listing.selected = set()
        self.listing.redraw()
        self._caption()


def find(reader: LedgerReader, query: Query, first: int) -> Found:
    """How many images there are, and a page of them."""
    began = time.monotonic()
    total = reader.count(**query.limits)
    rows = page_of(reader, query, first)
    return Found(total, first, rows, time.monotonic() - began)


def page_of(reader: LedgerReader, query: Query, first: int) -> list[ImageRow]:
    return reader.images(
        **query.limits, sort=query.sort, descending=query.descending, limit=PAGE, offset=first
    )
