"""One representation: its images, and whether all of them are converted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.models import Representation
from tui.connection.ledger_thread import ImageQuery
from tui.screens.image_list import ImageList
from tui.state.view import View
from tui.widgets.line_widget import STRONG, LineWidget, line
from tui.widgets.list_header import ListHeader


class RepresentationId(LineWidget):
    """The UUID in a line of its own, whole on any terminal."""

    def __init__(self, uuid: str) -> None:
        super().__init__(id="name")
        self._uuid = uuid

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return [line((self._uuid, STRONG))]


class RepresentationScreen(ImageList):
    HEADING = "Representation"

    def __init__(self, uuid: str) -> None:
        super().__init__(ImageQuery(uuid=uuid))
        self._representation: Representation | None = None

    def show(self, view: View) -> None:
        super().show(view)
        self._read_completeness()

    @work(exclusive=True, group="completeness")
    async def _read_completeness(self) -> None:
        uuid = self.image_query.uuid or ""
        found = await self.ask(lambda reader: reader.representation(uuid))
        if found is not None and found != self._representation:
            self._representation = found
            self._update_header()

    def body(self) -> Iterable[Widget]:
        header, *rest = super().body()
        yield header
        yield RepresentationId(self.image_query.uuid or "")
        yield from rest

    def _update_header(self) -> None:
        facts = [completeness(self._representation)] if self._representation is not None else []
        if self.image_query.state:
            facts.append(self.image_query.state.replace("_", " "))
        if self.image_query.text:
            facts.append(f"“{self.image_query.text}”")
        self.query_one(ListHeader).show(self.HEADING, facts, self.paged_list.position)

    def action_representation(self) -> None:
        self.typed_app.show_message("This is the representation already.")


def completeness(found: Representation) -> str:
    """`✓ complete: 12 images`, `✗ not complete: 11 of 12, 1 failed`."""
    account = found.account
    if found.is_complete:
        accepted = f", {formatting.integer(account.accepted)} accepted" if account.accepted else ""
        return f"✓ complete: {formatting.counted(account.rows, 'image')}{accepted}"
    failed = f", {formatting.integer(account.failed)} failed" if account.failed else ""
    ready, rows = formatting.integer(account.done_or_accepted), formatting.integer(account.rows)
    return f"✗ not complete: {ready} of {rows}{failed}"
