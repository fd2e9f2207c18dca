"""The ledger as everybody but its writer sees it: read-only, while an engine writes, after one has died, before any."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from engine.config import SourcePaths
from engine.file_kind import FileKind
from engine.ledger import lists
from engine.ledger.account import Account, WorkTimes
from engine.ledger.collisions import target_key
from engine.ledger.connection import ReadOnlyConnection
from engine.ledger.filters import ALL_IMAGES, ImageFilter, Selection, with_ids
from engine.ledger.lists import EventFilter
from engine.ledger.models import Attempt, DecodedCount, Event, ImageRow, KindCount, Representation
from engine.ledger.queries import LedgerQueries, Values
from engine.ledger.statements import statements
from engine.ledger.states import AttemptOutcome, ImageState
from engine.ledger.verdicts import Candidate, candidates
from engine.workspace import Workspace

_SQL = statements("history")
_OPEN = (ImageState.PENDING, ImageState.FAILED)
_CHUNK = 2000
"""Rows that `iterate` holds at once."""
_MOST_IN_ONE_ITEM = 1_000_000
"""More images than any representation has."""

_LARGEST_ID = (1 << 63) - 1
"""That SQLite has."""


class LedgerReader(LedgerQueries):
    """May be used by several threads; calls wait for one another."""

    def __init__(self, workspace: Workspace) -> None:
        """Raises UserError for a ledger that is damaged, of a later photostat, or of an earlier one and in use.

        A workspace without a ledger reads as an empty one, until there is one."""
        self._lock = threading.Lock()
        self._workspace = workspace
        self._file = ReadOnlyConnection(workspace)

    @property
    def workspace(self) -> Workspace:
        """Whose ledger it is."""
        return self._workspace

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def __enter__(self) -> LedgerReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """All that is read inside is of one moment: figures that are read one after another agree."""
        with self._file.one_view():
            yield

    # Images

    def images(
        self,
        wanted: ImageFilter = ALL_IMAGES,
        *,
        sort: str = "id",
        descending: bool = False,
        limit: int = 200,
        offset: int = 0,
        after: int | None = None,
    ) -> list[ImageRow]:
        """A page of a list. `after` is the id of the last row before the page, in place of `offset`; only with
        sort="id"."""
        if after is None and sort == "id" and wanted == ALL_IMAGES:
            after, offset = self._id_before(offset, descending), 0
        page = lists.Page(sort, descending, limit, offset, after)
        rows = self._select(*lists.image_page(wanted.condition(), page))
        return [ImageRow.of(row) for row in rows]

    def count(self, wanted: ImageFilter = ALL_IMAGES) -> int:
        """How many images `images` would list altogether."""
        batch, state, cause = wanted.batch, wanted.state, wanted.cause
        if wanted.is_narrow or (cause and state != ImageState.FAILED):
            return int(self._select(*lists.count_where(wanted.condition()))[0][0])
        if cause:
            return sum(group.images for group in self.failure_groups(batch) if group.cause == cause)
        accounts = self.account()
        total = accounts.get(batch, Account()) if batch is not None else sum(accounts.values(), Account())
        return total.of(ImageState(state)) if state else total.rows

    def ids(self, wanted: ImageFilter = ALL_IMAGES, *, among: Collection[int] | None = None) -> list[int]:
        """Of all images that `images` would list, by id; with `among` only of those."""
        where = wanted.condition()
        if among is not None:
            where = with_ids(among, where)
        return [row[0] for row in self._select(*lists.ids_where(where))]

    def open_ids(self, batch: str | None = None) -> list[int]:
        """Of the images that are pending or failed, each once."""
        with self.one_view():
            ids = [self.ids(ImageFilter(batch, state)) for state in _OPEN]
        return sorted(chain.from_iterable(ids))

    def still_open(self, ids: Collection[int]) -> list[ImageRow]:
        """Those of these images that are pending or failed now, by id."""
        states = ", ".join("?" for _ in _OPEN)
        where, values = lists.images_where(with_ids(ids, (f"i.state IN ({states})", list(_OPEN))))
        return [ImageRow.of(row) for row in self._select(f"{where} ORDER BY i.id", values)]

    def selected(self, selection: Selection) -> int:
        """How many images a requeue of this would mean."""
        return int(self._select(*lists.count_where(selection.condition()))[0][0])

    def image(self, image_id: int) -> ImageRow | None:
        if image_id > _LARGEST_ID:
            return None
        rows = self._select(*lists.images_where(("i.id = ?", [image_id])))
        return ImageRow.of(rows[0]) if rows else None

    def by_target(self, targets: Collection[str]) -> list[ImageRow]:
        """The images with one of these targets; several with the same one if they collide."""
        keys = json.dumps([target_key(target) for target in targets])
        rows = self._select(*lists.images_where(("i.target_key IN (SELECT value FROM json_each(?))", [keys])))
        wanted = frozenset(targets)
        return [image for image in map(ImageRow.of, rows) if image.target in wanted]

    def iterate(self, wanted: ImageFilter = ALL_IMAGES) -> Iterator[ImageRow]:
        """All of them, by id, in constant memory; what changes meanwhile may show either way."""
        last = 0
        while page := self.images(wanted, limit=_CHUNK, after=last):
            yield from page
            last = page[-1].id

    def stream(self, wanted: ImageFilter = ALL_IMAGES) -> Iterator[Sequence[Any]]:
        """All of them, by id and of one moment, as rows of IMAGE_COLUMNS, which are quicker than objects are.

        The ledger's write-ahead log grows until the last row is read."""
        sql, values = lists.all_images(wanted.condition())
        with self.one_view():
            with self._lock:
                cursor = self._file.current().execute(sql, values)
                cursor.row_factory = None
            while True:
                with self._lock:
                    rows = cursor.fetchmany(_CHUNK)
                if not rows:
                    return
                yield from rows

    def representation(self, uuid: str) -> Representation:
        """One digitised item's images, in the order of their names; none for an unknown UUID."""
        images = tuple(self.images(ImageFilter(uuid=uuid.strip()), sort="name", limit=_MOST_IN_ONE_ITEM))
        states = [image.state for image in images]
        return Representation(uuid, images, Account(len(states), *map(states.count, ImageState)))

    def representations(self, batch: str | None = None) -> tuple[int, int]:
        """How many representations there are, and how many are complete (all done or accepted).

        Reads every image's state."""
        count, complete = self._select(_SQL["representations"], {"batch": batch})[0]
        return int(count), int(complete)

    def kinds(self, batch: str | None = None) -> list[KindCount]:
        """The kinds of files that are known, the most frequent first, and how many images are of no known kind.

        Reads every image."""
        rows = self._select(_SQL["kinds"], {"batch": batch})
        return [KindCount(FileKind.of_text(kind) if kind else None, *counts) for kind, *counts in rows]

    def decoded(self, batch: str | None = None) -> list[DecodedCount]:
        """What decoded the images that are done, the most frequent first. Reads every one of them."""
        return [DecodedCount(*row) for row in self._select(_SQL["decoded"], {"batch": batch})]

    def candidates(self, batch: str) -> list[Candidate]:
        """What a review of the batch is drawn from. Reads every image of the batch."""
        return candidates(self._select, batch)

    # What happened

    def attempts(self, image_id: int) -> list[Attempt]:
        """Oldest first."""
        rows = [dict(row) for row in self._select(_SQL["attempts"], {"image": image_id})]
        return [
            Attempt(**{**row, "outcome": AttemptOutcome(row["outcome"]) if row["outcome"] else None})
            for row in rows
        ]

    def other_hosts(self) -> list[str]:
        """The machines that images were last tried on, by their names, without the engine's own."""
        return [row[0] for row in self._select(_SQL["other_hosts"])]

    def waiting_jpeg(self, image_id: int) -> str | None:
        """The path of its JPEG on scratch, while that waits for the store."""
        rows = self._select(_SQL["waiting_jpeg"], {"image": image_id})
        return rows[0][0] if rows else None

    def conversions(self, since: float, limit: int = 20_000) -> list[float]:
        """When images were converted after `since`, Unix times in s; at most of the last `limit` attempts."""
        return [row[0] for row in self._select(_SQL["conversions"], {"since": since, "limit": limit})]

    def work_times(self) -> dict[str, WorkTimes]:
        """By batch, for those that were begun. Reads every attempt."""
        busy_s = _busy_s(self._select(_SQL["attempt_spans"]))
        return {
            name: WorkTimes(int(converted), cpu_s, wall_s, first, last, busy_s.get(name, 0.0), attempts)
            for name, converted, cpu_s, wall_s, first, last, attempts in self._select(_SQL["work_times"])
        }

    def events(
        self,
        after_id: int = 0,
        limit: int = 200,
        image_id: int | None = None,
        *,
        newest_first: bool = False,
        before_id: int | None = None,
        level: str | None = None,
        text: str | None = None,
        notable: bool = False,
        since: float | None = None,
        offset: int = 0,
    ) -> list[Event]:
        """A page of the history, or of an image's own: after one event, or (newest first) before one.

        Rows before `offset` are read too, and with `text` all of them until there are enough."""
        wanted = EventFilter(after_id, before_id, image_id, level, text, notable, since)
        rows = self._select(*lists.event_page(wanted, limit=limit, newest_first=newest_first, offset=offset))
        return [Event(**{**dict(row), "notable": bool(row["notable"])}) for row in rows]

    def event_count(self, *, notable: bool = False, after_id: int = 0) -> int:
        """How many events `events` would list altogether. Reads all of them that are later than `after_id`."""
        return int(self._select(*lists.event_count(EventFilter(after_id, notable=notable)))[0][0])

    def iterate_events(self, *, notable: bool, since: float | None = None) -> Iterator[Event]:
        """All of them, the oldest first, in constant memory."""
        last = 0
        while page := self.events(last, _CHUNK, notable=notable, since=since):
            yield from page
            last = page[-1].id

    def last_event(self) -> int:
        """The newest event's id; 0 if there is none."""
        return int(self._select(_SQL["last_event"])[0][0])

    # The file

    def _id_before(self, offset: int, descending: bool) -> int:
        """Ids have no gaps (nothing is deleted), so an offset into all images is an id."""
        return self._last_image() + 1 - offset if descending else offset

    def _select(self, sql: str, values: Values = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._file.current().execute(sql, values).fetchall()

    @property
    def _sources(self) -> SourcePaths:
        return self._workspace.source_paths(self._workspace.config())


def _busy_s(spans: Iterable[tuple[str, float, float] | sqlite3.Row]) -> dict[str, float]:
    """The length of the union of each batch's attempts, which come as they started."""
    total: dict[str, float] = {}
    until: dict[str, float] = {}
    for name, started, ended in spans:
        begin = max(started, until.get(name, started))
        total[name] = total.get(name, 0.0) + max(0.0, ended - begin)
        until[name] = max(ended, until.get(name, ended))
    return total
