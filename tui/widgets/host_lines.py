"""A host as a line: what it does, its busy workers, its pace, its memory, and JPEGs that wait for the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from engine import formatting
from engine.control.snapshot import HostSnapshot, State
from tui.state.host_words import host_word
from tui.state.hosts import is_away, rate_now
from tui.state.status import Tone
from tui.terminal.text import fit, padded, right_aligned, told_apart
from tui.widgets.line_widget import BAD, GOOD, LABEL, STRONG, WARNING, line

FOLDED, UNFOLDED = "▸", "▾"
HUES = {Tone.GOOD: GOOD, Tone.WARNING: WARNING, Tone.BAD: BAD, Tone.NEUTRAL: LABEL}
"""Of what a host does."""
LONGEST_NAME = 16
_BUSY, _RATE, _HEADROOM, _WAITING = 12, 10, 15, 10


@dataclass(frozen=True)
class HostColumns:
    """The widths of the columns that several hosts share, one under the other."""

    names: Mapping[str, str]
    """Of the hosts, as they are shown."""
    word: int

    @property
    def name(self) -> int:
        return max(map(cell_len, self.names.values()), default=0)

    @classmethod
    def of(cls, hosts: Sequence[HostSnapshot], state: State, now: float) -> HostColumns:
        """`state` is the engine's, `now` is Unix time, s."""
        words = (host_word(host, state, now).label for host in hosts)
        return cls(short_names(hosts), max(map(cell_len, words), default=0))


def short_names(hosts: Sequence[HostSnapshot]) -> dict[str, str]:
    """By their names: as they are shown, so that long ones can be told apart."""
    names = [host.name for host in hosts]
    return dict(zip(names, told_apart(names, LONGEST_NAME), strict=True))


def host_line(
    host: HostSnapshot, columns: int, shared: HostColumns, state: State, now: float, *, folded: bool
) -> Text:
    """`▾ conv2  ► working   11/12 busy   66.1/min   23.2G headroom   3 JPEGs`; a narrow line leaves out the last ones.

    Of one that is not there, what becomes of its images: `╳ lost 21:04   4 images to others, 2 JPEGs wait`.

    `state` is the engine's, `now` is Unix time, s."""
    word, name_style, mark = host_word(host, state, now), STRONG, FOLDED if folded else UNFOLDED
    if is_away(host):
        name_style, mark = LABEL, " "
    room = columns - shared.name - shared.word - 4
    parts: list[str | tuple[str, str]] = [
        (f"{mark} ", LABEL),
        (padded(shared.names[host.name], shared.name), name_style),
        "  ",
        (padded(word.label, shared.word), HUES[word.tone]),
    ]
    for text, width, style in _fate(host, room) if is_away(host) else _figures(host, state):
        if room < width:
            break
        parts.append((right_aligned(text, width), style))
        room -= width
    return line(*parts, " " * max(0, room))


def _fate(host: HostSnapshot, room: int) -> list[tuple[str, int, str]]:
    """Of the images of one that is not there."""
    put_back, waiting = host.gone.put_back if host.gone else 0, host.waiting
    parts = [f"{formatting.counted(put_back, 'image')} to others"] if put_back else []
    if waiting:
        parts.append(f"{formatting.counted(waiting, 'JPEG')} {'waits' if waiting == 1 else 'wait'}")
    text = fit("   " + ", ".join(parts), room) if parts else ""
    return [(text, cell_len(text), LABEL)]


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
