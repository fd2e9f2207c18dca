"""One representation: its images, and whether all of it has arrived."""

from __future__ import annotations

import sqlite3

from textual import work

from engine.failures import UserError
from engine.ledger.rows import Representation as Found
from tui import words
from tui.actions import Place, bindings
from tui.link import sentence
from tui.screens.gallery import Gallery
from tui.shelf import Query
from tui.view import View
from tui.widgets.caption import Caption


class Representation(Gallery):
    PLACE = Place.LIST
    BINDINGS = bindings(Place.LIST)
    HEADING = "Representation"

    def __init__(self, uuid: str) -> None:
        super().__init__(Query(uuid=uuid))
        self._found: Found | None = None

    def show(self, view: View) -> None:
        super().show(view)
        self._look()

    @work(exclusive=True, group="completeness")
    async def _look(self) -> None:
        uuid = self.images.uuid or ""
        try:
            found = await self.host.shelf.ask(lambda reader: reader.representation(uuid))
        except (UserError, sqlite3.Error) as error:
            self.host.say(sentence(error), good=False)
            return
        if found != self._found:
            self._found = found
            self._caption()

    def _caption(self) -> None:
        facts = [self.images.uuid or ""]
        if self._found is not None:
            facts.insert(0, completeness(self._found))
        if self.images.text:
            facts.insert(1, f"“{self.images.text}”")
        if self.images.state:
            facts.insert(1, self.images.state.replace("_", " "))
        self.query_one(Caption).show(self.HEADING, facts, self.listing.position)

    def action_representation(self) -> None:
        self.host.say("This is its representation.")


def completeness(found: Found) -> str:
    """`✓ complete: 12 images`, `✗ not complete: 11 of 12, 1 failed`."""
    account = found.account
    if found.is_complete:
        accepted = f", {words.integer(account.accepted)} accepted" if account.accepted else ""
        return f"✓ complete: {words.counted(account.rows, 'image')}{accepted}"
    failed = f", {words.integer(account.failed)} failed" if account.failed else ""
    settled = account.done + account.accepted
    return f"✗ not complete: {words.integer(settled)} of {words.integer(account.rows)}{failed}"
