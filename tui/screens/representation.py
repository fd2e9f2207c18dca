"""One representation: its images, and whether all of it has arrived."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import work
from textual.widget import Widget

from engine import formatting
from engine.ledger.models import Representation as Found
from tui.actions.registry import Scope, bindings
from tui.connection.ledger_thread import ImageQuery
from tui.screens.image_list import ImageList
from tui.state.view import View
from tui.widgets.line_widget import STRONG, LineWidget, line
from tui.widgets.list_header import ListHeader


class Name(LineWidget):
    """The UUID, whole on any terminal."""

    def __init__(self, uuid: str) -> None:
        super().__init__(id="name")
        self._uuid = uuid

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        return [line((self._uuid, STRONG))]


class Representation(ImageList):
    PLACE = Scope.LIST
    BINDINGS = bindings(Scope.LIST)
    HEADING = "Representation"

    def __init__(self, uuid: str) -> None:
        super().__init__(ImageQuery(uuid=uuid))
        self._found: Found | None = None

    def show(self, view: View) -> None:
        super().show(view)
        self._look()

    @work(exclusive=True, group="completeness")
    async def _look(self) -> None:
        uuid = self.images.uuid or ""
        found = await self.ask(lambda reader: reader.representation(uuid))
        if found is not None and found != self._found:
            self._found = found
            self._caption()

    def body(self) -> Iterable[Widget]:
        caption, *rest = super().body()
        yield caption
        yield Name(self.images.uuid or "")
        yield from rest

    def _caption(self) -> None:
        facts = [completeness(self._found)] if self._found is not None else []
        if self.images.state:
            facts.append(self.images.state.replace("_", " "))
        if self.images.text:
            facts.append(f"“{self.images.text}”")
        self.query_one(ListHeader).show(self.HEADING, facts, self.paged_list.position)

    def action_representation(self) -> None:
        self.typed_app.show_message("This is its representation.")


def completeness(found: Found) -> str:
    """`✓ complete: 12 images`, `✗ not complete: 11 of 12, 1 failed`."""
    account = found.account
    if found.is_complete:
        accepted = f", {formatting.integer(account.accepted)} accepted" if account.accepted else ""
        return f"✓ complete: {formatting.counted(account.rows, 'image')}{accepted}"
    failed = f", {formatting.integer(account.failed)} failed" if account.failed else ""
    settled = account.done + account.accepted
    return f"✗ not complete: {formatting.integer(settled)} of {formatting.integer(account.rows)}{failed}"
