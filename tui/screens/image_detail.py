"""The page of one image: all that the ledger knows of it, its pictures, and what is done with it from there."""

from __future__ import annotations

from collections.abc import Iterable

from textual import work
from textual.widget import Widget

from engine.config import Config
from engine.failures import UserError
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import Verdict
from engine.renditions.of_image import Originals, originals_of
from engine.renditions.request import NoRendition, Rendition
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.poller import CommandAnswered
from tui.connection.renditions import Renditions
from tui.screens.base import BaseScreen
from tui.screens.dialogs import QUESTIONS, ReasonDialog, accept_question
from tui.screens.image_record import ImageRecord, detail_text, read_record
from tui.screens.navigation import OpenRepresentation
from tui.screens.verdict_dialogs import Opinion, verdict_dialog
from tui.state.view import View
from tui.terminal.pictures import NoPicture, PictureWay
from tui.widgets import image_columns
from tui.widgets.list_header import ListHeader
from tui.widgets.pictures import LONGEST_SIDE, Pictures, way_here
from tui.widgets.text_view import TextView

_VERDICTS = {
    Opinion.FINE: Verdict.FINE,
    Opinion.NOT_FINE: Verdict.NOT_FINE,
    Opinion.NONE: Verdict.WITHDRAWN,
}


class ImageDetail(BaseScreen):
    SCOPE = Scope.DETAIL
    BINDINGS = bindings(Scope.DETAIL)

    def __init__(self, image_id: int) -> None:
        super().__init__()
        self.image_id = image_id
        self._record: ImageRecord | None = None
        self._totals: object = None
        self._renditions = Renditions()

    @property
    def is_read(self) -> bool:
        return self._record is not None

    def body(self) -> Iterable[Widget]:
        yield ListHeader(id="header")
        yield TextView(id="detail")
        yield Pictures(id="pictures")

    def show(self, view: View) -> None:
        super().show(view)
        totals = view.snapshot.totals if view.snapshot else None
        if view.frozen_at is None and (self._record is None or totals != self._totals):
            self._totals = totals
            self._load()

    @work(exclusive=True)
    async def _load(self) -> None:
        image_id = self.image_id
        record = await self.ask(lambda reader: read_record(reader, image_id))
        if record is not None and record != self._record:
            self._record = record
            self.query_one(ListHeader).show(f"Image {image_id}", [image_columns.name_of(record.image)])
            self.query_one(TextView).write(detail_text(record, self.typed_app.view.now))

    def action_back(self) -> None:
        self.dismiss()

    def on_unmount(self) -> None:
        self._renditions.stop()

    def action_picture(self) -> None:
        pictures, text = self.query_one(Pictures), self.query_one(TextView)
        is_shown = pictures.display
        way = way_here(self.app)
        if isinstance(way, NoPicture):
            self.typed_app.show_message(way.why, good=False)
            return
        pictures.display, text.display = not is_shown, is_shown
        self._renditions.stop()
        if is_shown:
            pictures.clear()
            text.focus()
        else:
            self._renditions = Renditions()
            self._draw(self._renditions, way)

    @work(exclusive=True, group="pictures")
    async def _draw(self, renditions: Renditions, way: PictureWay) -> None:
        pictures, image_id = self.query_one(Pictures), self.image_id
        for index in range(2):
            pictures.show(index, None, way)
        found = await self.ask(lambda reader: read_originals(reader, image_id))
        if found is None:
            return
        config, originals = found
        both = (originals.source, originals.jpeg)
        words_first = sorted(enumerate(both), key=lambda each: not isinstance(each[1], NoRendition))
        for index, original in words_first:
            if isinstance(original, NoRendition):
                made: Rendition | NoRendition = original
            else:
                made = await renditions.make(config, original, LONGEST_SIDE)
            if pictures.display and self._renditions is renditions:
                pictures.show(index, made, way)

    def action_representation(self) -> None:
        if self._record is not None:
            self.post_message(OpenRepresentation(self._record.image.uuid))

    def action_requeue(self) -> None:
        if self._record is not None and self._is_failed("requeued", "accepted"):
            selection = Selection(ids=(self.image_id,), until_event=self._record.until_event)
            self.typed_app.send_command(engine_commands.requeue(selection, 1))

    @work(exclusive=True, group=QUESTIONS)
    async def action_accept(self) -> None:
        if self._record is not None and self._is_failed("accepted") and self.typed_app.may_change():
            question = accept_question(1, image_columns.name_of(self._record.image))
            selection = Selection(ids=(self.image_id,), until_event=self._record.until_event)
            if reason := await self.app.push_screen_wait(ReasonDialog(question)):
                self.typed_app.send_command(engine_commands.accept(selection, reason, 1))

    @work(exclusive=True, group=QUESTIONS)
    async def action_verdict(self) -> None:
        if self._record is None or not self.typed_app.may_change():
            return
        image = self._record.image
        if image.state != "done" or image.md5 is None:
            state = image.state.replace("_", " ")
            self.typed_app.show_message(
                f"Only delivered images have a verdict; this one is {state}.", good=False
            )
            return
        opinion = await self.app.push_screen_wait(verdict_dialog(image, image_columns.name_of(image)))
        why: str | None = ""
        if opinion is Opinion.NOT_FINE:
            why = await self.app.push_screen_wait(ReasonDialog("Why is it not fine?"))
        if opinion is not None and why is not None:
            verdict = _VERDICTS[opinion]
            self.typed_app.send_command(engine_commands.verdict(self.image_id, verdict, image.md5, why))

    def answered(self, answer: CommandAnswered) -> None:
        if answer.reply is not None:
            self._load()

    def _is_failed(self, what: str, *others: str) -> bool:
        if self._record is None:
            self.typed_app.show_message("This image is not read from the ledger yet.", good=False)
            return False
        state = self._record.image.state
        if state in ("failed", *others):
            return True
        self.typed_app.show_message(
            f"Only failed images can be {what}; this one is {state.replace('_', ' ')}.", good=False
        )
        return False


def read_originals(reader: LedgerReader, image_id: int) -> tuple[Config, Originals]:
    """Where its source and its JPEG are. Raises UserError."""
    config, image = reader.workspace.config(), reader.image(image_id)
    if image is None:
        raise UserError(f"there is no image {image_id} in the ledger")
    return config, originals_of(reader.workspace, config, reader, image)
