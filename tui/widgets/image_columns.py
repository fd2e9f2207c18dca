"""How an image looks as a row of a list: columns that line up, fewer of them on a narrow terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from engine import formatting
from engine.failures import without_path
from engine.ledger.models import ImageRow
from tui.terminal.text import Keep, padded, right_aligned
from tui.widgets.line_widget import FAILED, LABEL, line
from tui.widgets.paged_list import RowRenderer

STATE_MARKS = {"pending": "○", "in_flight": "►", "done": "✓", "failed": "✗", "accepted": "≈"}
"""The mark of a state, beside its word."""
STATE_WORDS = {"in_flight": "in flight"}


@dataclass(frozen=True)
class Column:
    head: str
    columns: int
    """Width; the least width if the column has a share."""
    value: Callable[[ImageRow], str]
    keep: Keep = Keep.START
    to_the_right: bool = False
    from_columns: int = 0
    """The width of the list from which the column is shown."""
    style: str = ""
    style_of: Callable[[ImageRow], str] | None = None
    """The style if it depends on the row."""
    share: int = 0
    """How much of the spare width it gets, in proportion to the other columns' shares."""
    most: int = 1000
    """The greatest width that its share can give it."""
    of_hosts: bool = False
    """It says something only where several machines convert; the others share what it leaves."""


def state_of(row: ImageRow) -> str:
    return f"{STATE_MARKS.get(row.state, ' ')} {STATE_WORDS.get(row.state, row.state)}"


def name_of(row: ImageRow) -> str:
    """The target's file name: what the store will have."""
    return row.target.rpartition("/")[2] or row.name


def _state_style(row: ImageRow) -> str:
    return FAILED if row.state == "failed" else ""


def _size(size_bytes: int | None) -> str:
    return formatting.data_size(size_bytes) if size_bytes else ""


def _psnr(row: ImageRow) -> str:
    return formatting.decibels(row.psnr) if row.psnr is not None else ""


_IMAGE = Column("image", 16, name_of, Keep.BOTH, share=1, most=56)
FAILED_COLUMNS = (
    _IMAGE,
    Column("batch", 14, lambda row: row.batch, Keep.BOTH, from_columns=64, style=LABEL),
    Column("barcode", 14, lambda row: row.barcode or "", Keep.BOTH, from_columns=112, style=LABEL),
    Column("cause", 18, lambda row: row.cause or "", style=FAILED),
    Column(
        "tried",
        5,
        lambda row: formatting.tried(row.attempts),
        to_the_right=True,
        from_columns=72,
        style=LABEL,
    ),
    Column("host", 12, lambda row: row.host or "", from_columns=86, style=LABEL, of_hosts=True),
    Column(
        "message",
        32,
        lambda row: without_path(row.message or "", row.source or ""),
        from_columns=100,
        share=2,
    ),
)
IMAGE_COLUMNS = (
    _IMAGE,
    Column("batch", 14, lambda row: row.batch, Keep.BOTH, from_columns=72, style=LABEL),
    Column("state", 11, state_of, style_of=_state_style),
    Column("size", 9, lambda row: formatting.megapixels(row.megapixels), to_the_right=True),
    Column("source", 8, lambda row: _size(row.source_bytes), to_the_right=True, from_columns=90),
    Column("JPEG", 8, lambda row: _size(row.jpeg_bytes), to_the_right=True, from_columns=90),
    Column("PSNR", 9, _psnr, to_the_right=True, from_columns=100),
    Column("cause", 18, lambda row: row.cause or "", from_columns=120),
    Column("host", 12, lambda row: row.host or "", from_columns=140, style=LABEL, of_hosts=True),
    Column("representation", 36, lambda row: row.uuid, from_columns=160, style=LABEL),
    Column("message", 24, lambda row: row.message or "", from_columns=190, share=2),
)
_GAP = 2


def row_renderer(columns: tuple[Column, ...], *, has_hosts: bool = False) -> RowRenderer[ImageRow]:
    columns = tuple(column for column in columns if has_hosts or not column.of_hosts)
    return RowRenderer(lambda width: _head(columns, width), lambda row, width: _row(columns, row, width))


def _widths(columns: tuple[Column, ...], width: int) -> list[tuple[Column, int]]:
    """The columns that are shown, with their widths: spare width is divided by their shares."""
    of_hosts = [column for column in columns if column.of_hosts and width >= column.from_columns]
    for_others = width - sum(column.columns + _GAP for column in of_hosts)
    shown = [column for column in columns if column in of_hosts or for_others >= column.from_columns]
    rest = width - sum(column.columns for column in shown) - _GAP * (len(shown) - 1)
    wide = [column.columns for column in shown]
    growing = [index for index, column in enumerate(shown) if column.share]
    for index in sorted(growing, key=lambda index: shown[index].most):
        shares = sum(shown[other].share for other in growing if shown[other].most >= shown[index].most)
        more = min(rest * shown[index].share // shares, shown[index].most - shown[index].columns)
        wide[index] += max(0, more)
        rest -= max(0, more)
    return list(zip(shown, wide, strict=True))


def _head(columns: tuple[Column, ...], width: int) -> Text:
    cells = [
        right_aligned(column.head, wide) if column.to_the_right else padded(column.head, wide)
        for column, wide in _widths(columns, width)
    ]
    return line((" " * _GAP).join(cells))


def _row(columns: tuple[Column, ...], row: ImageRow, width: int) -> Text:
    parts: list[str | tuple[str, str]] = []
    for column, wide in _widths(columns, width):
        if parts:
            parts.append(" " * _GAP)
        value = column.value(row)
        cell = right_aligned(value, wide) if column.to_the_right else padded(value, wide, column.keep)
        parts.append((cell, column.style_of(row) if column.style_of else column.style))
    return line(*parts)
