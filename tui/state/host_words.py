"""What a host does, as a glyph and a word."""

from __future__ import annotations

from dataclasses import dataclass

from engine.control.snapshot import HostSnapshot, State
from engine.formatting import clock
from tui.state.status import Tone


@dataclass(frozen=True)
class HostWord:
    """What a host does, as a glyph and a word; colour never shows it alone."""

    glyph: str
    word: str
    tone: Tone

    @property
    def label(self) -> str:
        return f"{self.glyph} {self.word}"


_WORDS = {
    "working": HostWord("►", "working", Tone.GOOD),
    "idle": HostWord("○", "waiting", Tone.NEUTRAL),
    "holding": HostWord("▲", "holding", Tone.WARNING),
    "paused": HostWord("‖", "paused", Tone.WARNING),
    "draining": HostWord("▼", "draining", Tone.WARNING),
    "lost": HostWord("╳", "lost", Tone.BAD),
    "left": HostWord("←", "left", Tone.NEUTRAL),
}
_OF_THE_ENGINE = {State.PAUSED: "paused", State.DRAINING: "draining"}


def host_word(host: HostSnapshot, state: State, now: float) -> HostWord:
    """What the host does; `state` is the engine's, whose pause is every host's, `now` is Unix time, s."""
    of_host = host.state.value
    if of_host in ("working", "idle"):
        of_host = _OF_THE_ENGINE.get(state, of_host)
    word = _WORDS.get(of_host, HostWord("?", of_host, Tone.NEUTRAL))
    if host.gone is not None:
        return HostWord(word.glyph, f"{word.word} {clock(host.gone.since, now)}", word.tone)
    if host.hold is None or of_host != "holding":
        return word
    return HostWord(word.glyph, f"{word.word}: {host.hold.reason}", word.tone)
