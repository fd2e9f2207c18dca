"""A host as a line: what it does, its busy workers, its pace, its memory, and JPEGs that wait for the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import HostSnapshot, State
from tui.state.host_words import host_word
from tui.state.hosts import is_away, rate_now
from tui.state.status import Tone
from tui.terminal.text import Keep, padded, right_aligned
from tui.widgets.line_widget import BAD, GOOD, LABEL, STRONG, WARNING, line

FOLDED, UNFOLDED = "▸", "▾"
HUES = {Tone.GOOD: GOOD, Tone.WARNING: WARNING, Tone.BAD: BAD, Tone.NEUTRAL: LABEL}
"""Of what a host does."""
_LONGEST_NAME = 16
_BUSY, _RATE, _HEADROOM, _WAITING = 12, 10, 15, 10


@dataclass(frozen=True)
class HostColumns:
    """The widths of the columns that several hosts share, one under the other."""

    name: int
    word: int

    @classmethod
    def of(cls, hosts: Sequence[HostSnapshot], state: State) -> HostColumns:
        """`state` is the engine's."""
        return cls(
            name_columns(hosts), max((cell_len(host_word(host, state).label) for host in hosts), default=0)
        )


def name_columns(hosts: Sequence[HostSnapshot]) -> int:
    return min(_LONGEST_NAME, max((cell_len(host.name) for host in hosts), default=0))


def host_line(host: HostSnapshot, columns: int, shared: HostColumns, state: State, *, folded: bool) -> Text:
    """`▾ conv2  ► working   11/12 busy   66.1/min   23.2G headroom   3 JPEGs`; a narrow line leaves out the last ones.

    `state` is the engine's."""
    word = host_word(host, state)
    room = columns - shared.name - shared.word - 4
    parts: list[str | tuple[str, str]] = [
        (f"{FOLDED if folded else UNFOLDED} ", LABEL),
        (padded(host.name, shared.name, Keep.BOTH), STRONG),
        "  ",
        (padded(word.label, shared.word), HUES[word.tone]),
    ]
    for text, width, style in [] if is_away(host) else _figures(host, state):
        if room < width:
            break
        parts.append((right_aligned(text, width), style))
        room -= width
    return line(*parts, " " * max(0, room))


def _figures(host: HostSnapshot, state: State) -> list[tuple[str, int, str]]:
    memory = host.memory
    waiting = formatting.counted(host.waiting, "JPEG") if host.waiting else ""
    return [
        (f"{host.busy}/{host.workers} busy", _BUSY, ""),
        (f"{formatting.per_minute(rate_now(host, state))}/min", _RATE, ""),
        (
            f"{formatting.short_memory(memory.headroom)} headroom",
            _HEADROOM,
            BAD if memory.headroom < 0 else LABEL,
        ),
        (waiting, max(_WAITING, len(waiting) + 2), LABEL),
    ]
