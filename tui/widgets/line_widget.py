"""A widget made of lines that repaints only what differs, which keeps the app usable over a slow connection."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from engine import formatting
from tui.state.status import Tone
from tui.terminal.text import Mark, fit

LABEL = "dim"
STRONG = "bold"
GOOD = "green"
BUSY = "cyan"
WARNING = "yellow"
FAILED = "red"
BAD = "bold red"
CURSOR = "reverse"
_PLAIN = Console(color_system=None, markup=False, emoji=False, highlight=False)
"""Only resolves style names; nothing is printed to it."""
TONES = {
    Tone.GOOD: "bold green",
    Tone.WARNING: "bold black on yellow",
    Tone.BAD: "bold white on red",
    Tone.NEUTRAL: "bold reverse",
}
"""What is well is quiet: only what a person may have to do something about has a ground of its own."""
MARKS = {
    Mark.DONE: GOOD,
    Mark.ACCEPTED: WARNING,
    Mark.FAILED: FAILED,
    Mark.IN_FLIGHT: BUSY,
    Mark.WAITING: LABEL,
}
"""The hue of each state of an image, in bars and beside its number."""
_ON_THEME = Style(color="default", bgcolor="default")
"""A theme that brings its own background needs both to be said."""


def line(*parts: str | tuple[str, str]) -> Text:
    """Text of plain strings and (string, style) pairs. Nothing in them is markup, and controls are made visible."""
    shown = (formatting.visible(p) if isinstance(p, str) else (formatting.visible(p[0]), p[1]) for p in parts)
    return Text.assemble(*shown, no_wrap=True, end="")


def title(text: str, columns: int, note: str = "") -> Text:
    """A panel's first line: its name, a note, and a rule to the edge."""
    parts: list[str | tuple[str, str]] = [(text, STRONG)]
    used = len(text)
    if note:
        note = fit(note, max(0, columns - used - 3))
        parts += [" ", (note, LABEL)]
        used += 1 + Text(note).cell_len
    rule = max(0, columns - used - 1)
    return line(*parts, " ", ("─" * rule, LABEL))


def strip_of(text: Text, columns: int) -> Strip:
    """The text, exactly `columns` wide. Control characters are made visible here, for all widgets."""
    segments = []
    if text.style and not text.spans:  # Rich drops a text's own style if it has no spans
        text = Text.assemble((text.plain, text.style), end="")
    for content, style, _ in text.render(_PLAIN):
        segments.append(Segment(formatting.visible(content), style if isinstance(style, Style) else None))
    return Strip(segments).adjust_cell_length(columns).simplify()


def changed_columns(old: Strip, new: Strip) -> int:
    """The column after the last one in which the two differ; 0 if they look the same."""
    if old == new:
        return 0
    before = [(segment.text, segment.style) for segment in old]
    after = [(segment.text, segment.style) for segment in new]
    width = new.cell_length
    while before and after and before[-1] == after[-1]:
        width -= Segment(after.pop()[0]).cell_length
        before.pop()
    return _trimmed(before, after, width)


def _trimmed(
    before: list[tuple[str, Style | None]], after: list[tuple[str, Style | None]], width: int
) -> int:
    """Without the common end of the last differing segments, if their styles agree."""
    if before and after and before[-1][1] == after[-1][1]:
        old, new = before[-1][0], after[-1][0]
        same = 0
        while same < min(len(old), len(new)) and old[-1 - same] == new[-1 - same]:
            same += 1
        width -= Segment(new[len(new) - same :]).cell_length if same else 0
    return max(1, width)


class LineWidget(Widget):
    """Subclasses return their lines for a size; `redraw` paints those that differ."""

    DEFAULT_CSS = "LineWidget { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._painted: list[Strip] = []

    def lines(self, columns: int, rows: int) -> Sequence[Text]:
        """What to show; lines beyond `rows` and columns beyond `columns` are cut."""
        raise NotImplementedError

    def redraw(self) -> None:
        columns, rows = self.size
        if not columns or not rows:
            return
        fresh = [strip_of(text, columns) for text in list(self.lines(columns, rows))[:rows]]
        fresh += [Strip.blank(columns)] * (rows - len(fresh))
        old, self._painted = self._painted, fresh
        if len(old) != rows or old[0].cell_length != columns:
            self.refresh()
            return
        dirty = [
            Region(0, y, changed, 1) for y in range(rows) if (changed := changed_columns(old[y], fresh[y]))
        ]
        if dirty:
            self.refresh(*dirty)

    def on_resize(self, event: Resize) -> None:
        self.redraw()

    def render_line(self, y: int) -> Strip:
        strip = self._painted[y] if y < len(self._painted) else Strip.blank(self.size.width)
        return strip if self.app.native_ansi_color else strip.apply_style(_ON_THEME)
