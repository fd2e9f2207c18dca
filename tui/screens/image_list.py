"""A list of images that pages through the ledger: filter, sort, and each image's detail."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from tui.actions.registry import Scope, bindings
from tui.connection.ledger_thread import ImageQuery
from tui.connection.poller import CommandAnswered
from tui.screens.base import BaseScreen
from tui.state.view import View
from tui.widgets.filter_input import FilterInput
from tui.widgets.image_columns import IMAGE_COLUMNS, Column, face
from tui.widgets.list_header import ListHeader
from tui.widgets.paged_list import PAGE, PagedList
from tui.widgets.row_details import RowDetails

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
_STATES = (None, *ImageState)
"""As `t` goes through them; None is every state."""


@dataclass(frozen=True)
class QueryResult:
    """The answer to a query: how many, and the page with the row that was wanted."""

    total: int
    first: int
    rows: list[ImageRow]
    seconds: float
    selected_left: frozenset[int] = frozenset()
    """Of the selected images, those that could still be sent round again or accepted."""
    selected_seen: frozenset[int] = frozenset()
    """Of these, those that the list shows, here or further down."""


class ImageList(BaseScreen):
    """All images that meet a query. `FailedList` can do something with them."""

    PLACE: ClassVar[Scope] = Scope.LIST
    BINDINGS = bindings(Scope.LIST)
    AUTO_FOCUS = "PagedList"
    HEADING: ClassVar[str] = "Images"
    EMPTY: ClassVar[str] = "No image is like that."
    SAYS_STATE: ClassVar[bool] = True

    def __init__(self, query: ImageQuery) -> None:
        super().__init__()
        self.images = query
        self._known: object = None
        """The account when the list was last asked for."""
        self._asked_at = 0.0
        self._cost_s = 0.0
        self._unseen = 0
        """How many of the selected images the list does not show."""

    def body(self) -> Iterable[Widget]:
        yield ListHeader(id="header")
        yield PagedList(face(self._columns), id="list", empty=self.EMPTY)
        yield RowDetails(id="notes")
        yield FilterInput(id="filter")

    @property
    def _columns(self) -> tuple[Column, ...]:
        return IMAGE_COLUMNS

    @property
    def paged_list(self) -> PagedList[ImageRow]:
        return self.query_one("#list", PagedList)

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
        self._known = self._account(self.typed_app.view)
        self._asked_at = time.monotonic()
        generation = self.paged_list.reset(keep_place=keep_place)
        self._load(generation, self.paged_list.cursor // PAGE * PAGE)

    @work(exclusive=True, group="query")
    async def _load(self, generation: int, first: int) -> None:
        query, selected = self.images, frozenset(self.paged_list.selected)
        found = await self.ask(lambda reader: find(reader, query, first, selected))
        if found is None:
            return
        self._cost_s = found.seconds
        if generation == self.paged_list.generation:
            gone = selected - found.selected_left
            self.paged_list.selected -= gone
            self._unseen = len(found.selected_left - found.selected_seen)
        self.paged_list.begin(generation, found.total, found.first, found.rows)
        self._caption()

    @work(group="pages")
    async def _load_page(self, generation: int, page: int) -> None:
        query = self.images
        rows = await self.ask(lambda reader: page_of(reader, query, page * PAGE))
        if rows is not None:
            self.paged_list.put(generation, page, rows)

    def on_paged_list_page_needed(self, event: PagedList.PageNeeded) -> None:
        self._load_page(event.generation, event.page)

    def on_paged_list_cursor_moved(self, event: PagedList.CursorMoved) -> None:
        self.query_one(RowDetails).show(self.paged_list.current)
        self._caption()

    def on_paged_list_row_opened(self, event: PagedList.RowOpened) -> None:
        from tui.screens.image_detail import ImageDetail

        row = self.paged_list.current
        if row is not None:
            self.app.push_screen(ImageDetail(row.id))

    def _caption(self) -> None:
        paged_list, query = self.paged_list, self.images
        state = query.state.replace("_", " ") if query.state and self.SAYS_STATE else None
        facts = [fact for fact in (query.batch, state, query.cause, query.uuid) if fact]
        if query.text:
            facts.append(f"“{query.text}”")
        if query.sort != "id" or query.descending:
            facts.append(_SORTS[query.sort] + (", backwards" if query.descending else ""))
        if paged_list.selected:
            unseen = f", {formatting.integer(self._unseen)} of them not shown" if self._unseen else ""
            facts.append(f"{formatting.integer(len(paged_list.selected))} selected{unseen}")
        self.query_one(ListHeader).show(self.HEADING, facts, paged_list.position)

    def answered(self, answer: CommandAnswered) -> None:
        if answer.reply is not None:
            self.reload(keep_place=True)

    # -- what the keys do ----

    def action_back(self) -> None:
        if self.images.text:
            self.images = replace(self.images, text=None)
            self.query_one(FilterInput).clear()
            self.reload()
        else:
            self.dismiss()

    def action_filter(self) -> None:
        self.query_one(FilterInput).open(self.images.text or "")

    def on_filter_input_changed(self, event: FilterInput.Changed) -> None:
        text = event.text or None
        if text != self.images.text:
            self.images = replace(self.images, text=text)
            self.reload()

    def on_filter_input_closed(self, event: FilterInput.Closed) -> None:
        self.paged_list.focus()

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

        row = self.paged_list.current
        if row is not None:
            self.app.push_screen(Representation(row.uuid))


def find(
    reader: LedgerReader, query: ImageQuery, first: int, selected: frozenset[int] = frozenset()
) -> QueryResult:
    """How many images there are, a page of them, and what has become of the selected ones."""
    began = time.monotonic()
    total = reader.count(**query.limits)
    rows = page_of(reader, query, first)
    left = seen = selected
    if selected:
        left = frozenset(reader.ids(state=query.state, among=selected))
        seen = frozenset(reader.ids(**query.limits, among=selected))
    return QueryResult(total, first, rows, time.monotonic() - began, left, seen)


def page_of(reader: LedgerReader, query: ImageQuery, first: int) -> list[ImageRow]:
    return reader.images(
        **query.limits, sort=query.sort, descending=query.descending, limit=PAGE, offset=first
    )
