"""A list of images that is read from the ledger page by page, with a filter and sort orders."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from tui.actions.registry import Scope, bindings
from tui.connection.ledger_thread import ImageQuery
from tui.connection.poller import CommandAnswered
from tui.screens.base import BaseScreen
from tui.screens.navigation import OpenImage, OpenRepresentation
from tui.state.view import View
from tui.widgets.filter_input import FilterInput
from tui.widgets.image_columns import IMAGE_COLUMNS, Column, row_renderer
from tui.widgets.list_header import ListHeader
from tui.widgets.paged_list import PAGE, PagedList
from tui.widgets.row_details import RowDetails, rows_for_details

_REFRESH_S = 2.0
"""The shortest time between two readings of a list that the engine changes."""
_TALL_ROWS = 36
"""Rows of a terminal from which the details have more of them."""
_SORTS = {
    "id": "as imported",
    "target": "by target",
    "cause": "by cause",
    "megapixels": "by size",
    "updated": "by last change",
}
"""The orders of a list, as `o` goes through them, and their names in the header."""
_STATES = (None, *ImageState)
"""As `t` goes through them; None is all states."""


@dataclass(frozen=True)
class QueryResult:
    """The answer to a query: the number of images, and the page with the wanted row."""

    total: int
    first: int
    rows: list[ImageRow]
    seconds: float
    still_selectable: frozenset[int] = frozenset()
    """Of the selected images, those that can still be requeued or accepted."""
    still_listed: frozenset[int] = frozenset()
    """Of these, those that the list has, on whichever page."""
    has_hosts: bool = False
    """Other machines have tried images."""


class QueriedImages(BaseScreen):
    """Images that match a query."""

    AUTO_FOCUS = "PagedList"
    HEADING: ClassVar[str] = "Images"
    EMPTY: ClassVar[str] = "No image matches."
    SHOWS_STATE: ClassVar[bool] = True

    def __init__(self, query: ImageQuery, *, finds: bool = False) -> None:
        """With `finds` the filter line is open at once."""
        super().__init__()
        self.image_query = query
        self._finds = finds
        self._last_account: object = None
        """The account when the list was last read."""
        self._read_at = 0.0
        self._query_s = 0.0
        """How long the last query took."""
        self._unlisted = 0
        """How many of the selected images are not in the list."""

    def body(self) -> Iterable[Widget]:
        yield ListHeader(id="header")
        yield PagedList(row_renderer(self._columns), id="list", empty=self.EMPTY)
        yield RowDetails(id="details")
        yield FilterInput(id="filter")

    @property
    def _columns(self) -> tuple[Column, ...]:
        return IMAGE_COLUMNS

    @property
    def is_read(self) -> bool:
        return self.paged_list.is_read

    @property
    def paged_list(self) -> PagedList[ImageRow]:
        return self.query_one("#list", PagedList)

    def on_mount(self) -> None:
        self.reload()
        if self._finds:
            self.action_filter()

    def on_resize(self) -> None:
        super().on_resize()
        wanted = 8 if self.size.height >= _TALL_ROWS else 6
        self.query_one(RowDetails).styles.height = rows_for_details(wanted, self.size.height)

    def show(self, view: View) -> None:
        super().show(view)
        account = self._account(view)
        due = time.monotonic() - self._read_at > max(_REFRESH_S, 5 * self._query_s)
        if (
            view.frozen_at is None
            and self._last_account is not None
            and account != self._last_account
            and due
        ):
            self.reload(keep_place=True)
        self._update_header()

    def _account(self, view: View) -> object:
        """A value that differs when the list may have changed."""
        return view.snapshot.totals if view.snapshot else None

    # -- rows ----

    def reload(self, *, keep_place: bool = False) -> None:
        self._last_account = self._account(self.typed_app.view)
        self._read_at = time.monotonic()
        generation = self.paged_list.reset(keep_place=keep_place)
        self._load(generation, self.paged_list.cursor // PAGE * PAGE)

    @work(exclusive=True, group="query")
    async def _load(self, generation: int, first: int) -> None:
        query, selected = self.image_query, frozenset(self.paged_list.selected)
        found = await self.ask(lambda reader: find(reader, query, first, selected))
        if found is None:
            return
        self._query_s = found.seconds
        if generation == self.paged_list.generation:
            gone = selected - found.still_selectable
            self.paged_list.selected -= gone
            self._unlisted = len(found.still_selectable - found.still_listed)
            self.paged_list.renderer = row_renderer(self._columns, has_hosts=found.has_hosts)
        self.paged_list.set_rows(generation, found.total, found.first, found.rows)
        self._update_header()

    @work(group="pages")
    async def _load_page(self, generation: int, page: int) -> None:
        query = self.image_query
        rows = await self.ask(lambda reader: page_of(reader, query, page * PAGE))
        if rows is not None:
            self.paged_list.add_page(generation, page, rows)

    def on_paged_list_page_needed(self, event: PagedList.PageNeeded) -> None:
        self._load_page(event.generation, event.page)

    def on_paged_list_cursor_moved(self, event: PagedList.CursorMoved) -> None:
        self.query_one(RowDetails).show(self.paged_list.current)
        self._update_header()

    def on_paged_list_row_opened(self, event: PagedList.RowOpened) -> None:
        row = self.paged_list.current
        if row is not None:
            self.post_message(OpenImage(row.id))

    def _update_header(self) -> None:
        paged_list, query = self.paged_list, self.image_query
        state = query.state.replace("_", " ") if query.state and self.SHOWS_STATE else None
        facts = [fact for fact in (query.batch, state, query.cause, query.uuid) if fact]
        if query.text:
            facts.append(f"“{query.text}”")
        if query.sort != "id" or query.descending:
            facts.append(_SORTS[query.sort] + (", reversed" if query.descending else ""))
        if paged_list.selected:
            unlisted = f", {formatting.integer(self._unlisted)} of them not shown" if self._unlisted else ""
            facts.append(f"{formatting.integer(len(paged_list.selected))} selected{unlisted}")
        self.query_one(ListHeader).show(self.HEADING, facts, paged_list.position)

    def answered(self, answer: CommandAnswered) -> None:
        if answer.reply is not None:
            self.reload(keep_place=True)

    # -- what the keys do ----

    def action_back(self) -> None:
        if self.image_query.text:
            self.image_query = replace(self.image_query, text=None)
            self.query_one(FilterInput).clear()
            self.reload()
        else:
            self.dismiss()

    def action_filter(self) -> None:
        self.query_one(FilterInput).open(self.image_query.text or "")

    def on_filter_input_changed(self, event: FilterInput.Changed) -> None:
        text = event.text or None
        if text != self.image_query.text:
            self.image_query = replace(self.image_query, text=text)
            self.reload()

    def on_filter_input_closed(self, event: FilterInput.Closed) -> None:
        self.paged_list.focus()

    def action_sort(self) -> None:
        names = list(_SORTS)
        following = names[(names.index(self.image_query.sort) + 1) % len(names)]
        self.image_query = replace(self.image_query, sort=following, descending=False)
        self.reload()

    def action_sort_back(self) -> None:
        self.image_query = replace(self.image_query, descending=not self.image_query.descending)
        self.reload()

    def action_representation(self) -> None:
        row = self.paged_list.current
        if row is not None:
            self.post_message(OpenRepresentation(row.uuid))


class ImageList(QueriedImages):
    """Images in any state."""

    SCOPE: ClassVar[Scope] = Scope.LIST
    BINDINGS = bindings(Scope.LIST)

    def action_by_state(self) -> None:
        following = _STATES[(_STATES.index(self.image_query.state) + 1) % len(_STATES)]
        self.image_query = replace(self.image_query, state=following)
        self.reload()


def find(
    reader: LedgerReader, query: ImageQuery, first: int, selected: frozenset[int] = frozenset()
) -> QueryResult:
    """How many images there are, a page of them, and what has become of the selected ones."""
    began = time.monotonic()
    total = reader.count(query.filter)
    rows = page_of(reader, query, first)
    selectable = listed = selected
    if selected:
        selectable = frozenset(reader.ids(ImageFilter(state=query.state), among=selected))
        listed = frozenset(reader.ids(query.filter, among=selected))
    has_hosts = bool(reader.other_hosts())
    return QueryResult(total, first, rows, time.monotonic() - began, selectable, listed, has_hosts)


def page_of(reader: LedgerReader, query: ImageQuery, first: int) -> list[ImageRow]:
    return reader.images(query.filter, sort=query.sort, descending=query.descending, limit=PAGE, offset=first)
