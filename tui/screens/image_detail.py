"""Everything the ledger knows about one image: its state, source, JPEG, warnings, attempts and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.text import Text
from textual import work
from textual.widget import Widget

from engine import formatting
from engine.config import Config
from engine.failures import UserError, without_path
from engine.ledger.filters import Selection
from engine.ledger.models import Attempt, Event, ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import Replacement
from engine.ledger.verdicts import Verdict, VerdictEntry
from engine.renditions.of_image import Originals, originals_of
from engine.renditions.request import NoRendition, Rendition
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.poller import CommandAnswered
from tui.connection.renditions import Renditions
from tui.screens.base import BaseScreen
from tui.screens.dialogs import QUESTIONS, ReasonDialog, accept_question
from tui.screens.navigation import OpenRepresentation
from tui.screens.verdict_dialogs import Opinion, verdict_dialog
from tui.state.view import View
from tui.terminal_pictures import NoPicture, PictureWay
from tui.terminal_text import padded
from tui.widgets import image_columns
from tui.widgets.events import KIND
from tui.widgets.line_widget import BAD, LABEL, STRONG, line, title
from tui.widgets.list_header import ListHeader
from tui.widgets.pictures import LONGEST_SIDE, Pictures, way_here
from tui.widgets.text_view import TextView

_LABEL = 16
_RULE = 40
_OUTCOMES = {
    "converted": "converted",
    "failed": "failed",
    "again": "failed, tried again",
    "put-back": "put back, not counted",
}
_VERDICTS = {
    Opinion.FINE: Verdict.FINE,
    Opinion.NOT_FINE: Verdict.NOT_FINE,
    Opinion.NONE: Verdict.WITHDRAWN,
}

_SEND_AGAIN = (
    "`photostat requeue {image} --replace --quality N` converts it again, with another quality or subsampling; the "
    "JPEG in the store stays until the new one is verified."
)
_NEVER = "never: its row in the export or its header shows what is wrong"


@dataclass(frozen=True)
class ImageRecord:
    """What the ledger has about one image."""

    image: ImageRow
    attempts: tuple[Attempt, ...]
    events: tuple[Event, ...]
    verdicts: tuple[VerdictEntry, ...]
    replacements: tuple[Replacement, ...]
    until_event: int = field(compare=False)
    """The newest event of the ledger when it was read."""


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
        for index, original in enumerate((originals.source, originals.jpeg)):
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


def read_record(reader: LedgerReader, image_id: int) -> ImageRecord:
    """Raises UserError if the image is not in the ledger."""
    now = reader.last_event()
    image = reader.image(image_id)
    if image is None:
        raise UserError(f"there is no image {image_id} in the ledger")
    attempts, events = tuple(reader.attempts(image_id)), tuple(reader.events(image_id=image_id))
    verdicts, replacements = tuple(reader.verdicts(image_id)), tuple(reader.replacements(image_id))
    return ImageRecord(image, attempts, events, verdicts, replacements, now)


def read_originals(reader: LedgerReader, image_id: int) -> tuple[Config, Originals]:
    """Where its source and its JPEG are. Raises UserError."""
    config, image = reader.workspace.config(), reader.image(image_id)
    if image is None:
        raise UserError(f"there is no image {image_id} in the ledger")
    return config, originals_of(reader.workspace, config, reader, image)


def detail_text(record: ImageRecord, now: float) -> list[Text]:
    """`now` is Unix time, s."""
    image = record.image
    text = _account(image, now)
    text += _section("Source", _source(image))
    text += _section("JPEG", _jpeg(image))
    text += _section("Verdicts", [_verdict(entry, now) for entry in reversed(record.verdicts)])
    replaced = [part for one in reversed(record.replacements) for part in _replacement(one, now)]
    text += _section("Replaced JPEGs", replaced)
    text += _section("Warnings", [_fact("", warning) for warning in image.warnings])
    text += _section(
        "Attempts", [part for attempt in record.attempts for part in _attempt(attempt, image.source, now)]
    )
    text += _section("Events", [_event(event, image.source, now) for event in record.events])
    return text


def _fact(label: str, value: str, style: str = "") -> Text:
    return line((label.ljust(_LABEL), LABEL), "  ", (value, style))


def _section(name: str, facts: Sequence[Text]) -> list[Text]:
    return [line(""), title(name, _RULE), *facts] if facts else []


def _account(image: ImageRow, now: float) -> list[Text]:
    text = [_fact("state", image_columns.state_of(image), STRONG)]
    if image.verdict is not None:
        why = f": {image.verdict_why}" if image.verdict_why else ""
        said = f"{image.verdict.replace('-', ' ')}{why}, by {image.verdict_by}"
        text.append(_fact("verdict", said, BAD if image.verdict == Verdict.NOT_FINE else ""))
        if image.verdict == Verdict.NOT_FINE:
            text.append(_fact("what to do", _SEND_AGAIN.format(image=image.id)))
    if image.cause:
        at = f", while {image.stage}" if image.stage else ""
        text.append(_fact("cause", f"{image.cause}{at}", BAD if image.state == "failed" else ""))
        text.append(_fact("message", without_path(image.message or "", image.source)))
    if image.state == "failed":
        if not image.attempts:
            text.append(_fact("tried", _NEVER))
        text.append(_fact("what to do", image.remedy or ""))
    if image.reason:
        text.append(_fact("accepted because", image.reason))
    text += [
        _fact("batch", image.batch),
        _fact("representation", image.uuid),
        _fact(
            "barcode, record", f"{image.barcode or formatting.UNKNOWN}, {image.record or formatting.UNKNOWN}"
        ),
        _fact("changed", formatting.dated(image.updated, now)),
    ]
    return text


def _source(image: ImageRow) -> list[Text]:
    text = [_fact("path", image.source), _fact("original name", image.name)]
    if image.checksum:
        text.append(_fact("checksum given", image.checksum))
    if image.source_digest:
        text.append(_fact("checksum read", image.source_digest))
    if image.source_bytes:
        text.append(_fact("size", _file_size(image.source_bytes)))
    if image.width and image.height:
        megapixels = formatting.megapixels(image.megapixels)
        text.append(_fact("pixels", f"{_sides(image.width, image.height)}, {megapixels}"))
        depth = (
            f"{formatting.counted(image.components or 0, 'component')} of {image.bits} bits, {image.colour}"
        )
        text.append(_fact("components", depth))
        tiled = (image.tile_width or 0) < image.width or (image.tile_height or 0) < image.height
        tiles = f"{image.tile_width} × {image.tile_height}" if tiled else "untiled"
        text.append(_fact("tiles, levels", f"{tiles}, {formatting.counted(image.levels or 0, 'level')}"))
    return text


def _file_size(size_bytes: int) -> str:
    return f"{formatting.data_size(size_bytes)} ({formatting.integer(size_bytes)} bytes)"


def _sides(width: int, height: int) -> str:
    return f"{formatting.integer(width)} × {formatting.integer(height)}"


def _jpeg(image: ImageRow) -> list[Text]:
    text = [_fact("target", image.target)]
    if image.jpeg_bytes:
        text.append(_fact("size", _file_size(image.jpeg_bytes)))
    if image.jpeg_width and image.jpeg_height:
        text.append(_fact("pixels", _sides(image.jpeg_width, image.jpeg_height)))
    if image.md5:
        text.append(_fact("MD5", image.md5))
    own = [f"quality {image.quality}"] if image.quality is not None else []
    own += [f"subsampling {image.subsampling}"] if image.subsampling is not None else []
    if own:
        text.append(_fact("own settings", ", ".join(own)))
    if image.psnr is not None:
        text.append(_fact("against source", f"PSNR {formatting.decibels(image.psnr)}"))
    if image.peak_rss_bytes:
        text.append(_fact("peak memory", formatting.memory_size(image.peak_rss_bytes)))
    return text


def _attempt(attempt: Attempt, source: str, now: float) -> list[Text]:
    """When it began, its outcome and duration, and its memory against the prediction."""
    outcome = _OUTCOMES.get(attempt.outcome or "", attempt.outcome or "in progress")
    took = f" after {formatting.duration(attempt.wall_s)}" if attempt.wall_s is not None else ""
    cause = f": {attempt.cause}" if attempt.cause else ""
    predicted = formatting.short_memory(attempt.predicted_bytes)
    memory = f"{formatting.short_memory(attempt.peak_rss_bytes)} of {predicted} predicted"
    number = f"{attempt.number}" if attempt.round == 1 else f"{attempt.number} (round {attempt.round})"
    text = [
        _fact(number, f"{formatting.dated(attempt.started, now)}  {outcome}{took}{cause}", STRONG),
        _fact("", f"{attempt.mode}, memory {memory}, pid {attempt.pid}"),
    ]
    if attempt.message:
        text.append(_fact("", without_path(attempt.message, source)))
    return text


def _verdict(entry: VerdictEntry, now: float) -> Text:
    said = entry.verdict.replace("-", " ") + (f": {entry.why}" if entry.why else "")
    of = " (of an earlier JPEG)" if entry.of_another else ""
    return _fact(formatting.dated(entry.given, now), f"{said}, by {entry.person}{of}")


def _replacement(one: Replacement, now: float) -> list[Text]:
    """The object that was delivered before, and what became of it."""
    if one.replaced is None:
        what = "stays in the store until the new JPEG is verified"
    else:
        what = f"replaced {formatting.dated(one.replaced, now)}"
    return [
        _fact(formatting.dated(one.asked, now), f"asked for by {one.person}"),
        _fact("", f"MD5 {one.md5}, {formatting.data_size(one.jpeg_bytes)}: {what}"),
    ]


def _event(event: Event, source: str, now: float) -> Text:
    at = formatting.dated(event.time, now).ljust(_LABEL)
    return line((at, LABEL), "  ", padded(event.kind, KIND), "  ", without_path(event.message, source))
