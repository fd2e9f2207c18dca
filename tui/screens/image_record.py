"""What an image's page says: all that the ledger knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.text import Text

from engine import formatting
from engine.failures import UserError, without_path
from engine.ledger.models import Attempt, Event, ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import Replacement
from engine.ledger.verdicts import Verdict, VerdictEntry
from engine.messages import PixelsBy
from tui.terminal.text import padded
from tui.widgets import image_columns
from tui.widgets.events import KIND
from tui.widgets.line_widget import BAD, LABEL, STRONG, line, title

_LABEL = 16
_RULE = 40
_OUTCOMES = {
    "converted": "converted",
    "failed": "failed",
    "again": "failed, tried again",
    "put-back": "put back, not counted",
}
_SEND_AGAIN = (
    "`photostat requeue {image} --replace --quality N` converts it again, with another quality or subsampling; the "
    "JPEG in the store stays until the new one is verified."
)
_BESIDE = {
    "compared": "by the GPU too: the same",
    "differs": "the GPU decodes it differently",
    "gone": "the GPU's process gave no answer",
}
"""What came of giving it to a GPU, where its samples were not taken (`GpuOutcome.word`)."""
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


def read_record(reader: LedgerReader, image_id: int) -> ImageRecord:
    """Raises UserError if the image is not in the ledger."""
    now = reader.last_event()
    image = reader.image(image_id)
    if image is None:
        raise UserError(f"there is no image {image_id} in the ledger")
    attempts, events = tuple(reader.attempts(image_id)), tuple(reader.events(image_id=image_id))
    verdicts, replacements = tuple(reader.verdicts(image_id)), tuple(reader.replacements(image_id))
    return ImageRecord(image, attempts, events, verdicts, replacements, now)


def detail_text(record: ImageRecord, now: float) -> list[Text]:
    """`now` is Unix time, s."""
    image = record.image
    tried_elsewhere = any(attempt.host for attempt in record.attempts)
    text = _account(image, now, image.host if tried_elsewhere else None)
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


def _account(image: ImageRow, now: float, host: str | None) -> list[Text]:
    """`host` is where it was last tried, if that was not always on the engine's own machine."""
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
    if host is not None:
        text.append(_fact("last tried on", host))
    if image.state == "failed":
        if not image.attempts:
            text.append(_fact("tried", _NEVER))
        text.append(_fact("what to do", image.remedy or ""))
    if image.reason:
        text.append(_fact("accepted because", image.reason))
    text += [
        _fact("batch", image.batch),
        _fact("representation", image.uuid),
        *(_fact(name, told) for name, told in (("barcode", image.barcode), ("record", image.record)) if told),
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
        _fact("", f"{_decoded(attempt)}, memory {memory}, pid {attempt.pid}{_on(attempt.host)}"),
    ]
    if attempt.message:
        text.append(_fact("", without_path(attempt.message, source)))
    return text


def _on(host: str) -> str:
    """The machine, if it is not the engine's own."""
    return f" on {host}" if host else ""


def _decoded(attempt: Attempt) -> str:
    """`whole`, `gpu`, `tiles (by the GPU too: the same)`, `whole (not by the GPU: signed samples)`."""
    how = attempt.decoded or attempt.mode
    if not attempt.gpu or how == PixelsBy.GPU:
        return how
    return f"{how} ({_BESIDE.get(attempt.gpu, f'not by the GPU: {attempt.gpu}')})"


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
