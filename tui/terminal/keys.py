"""What a terminal sends, as keys: esc and the key after it are two keys, and no byte of any encoding ends the app.

Textual takes esc and a key that arrive in one piece as alt and that key, and esc and enter as enter alone. Of keys that
were typed on a stalled connection the esc would be lost, and enter would accept what esc was to cancel."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from textual._xterm_parser import XTermParser
from textual.message import Message

_ESC = "\x1b"
_IN_A_SEQUENCE = r"[\[OP\]_\x1b\x7f]"
"""What follows esc in the keys and replies that terminals send; alt+backspace is one of them."""
_AFTER_ESC = re.compile(rf"(?<=\x1b)(?!{_IN_A_SEQUENCE})")
_GOES_ON = re.compile(_IN_A_SEQUENCE)
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"


class KeyParser(XTermParser):
    def __init__(self, encoding: str) -> None:
        """What is no text in the terminal's encoding is one character that no key has."""
        super().__init__()
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._last = ""
        """The last characters, as many as begin or end a paste."""
        self._is_pasting = False

    def take(self, data: bytes) -> Iterator[Message]:
        """The events of what was read, which may end anywhere."""
        for part in _AFTER_ESC.split(self._decoder.decode(data)):
            if not part:
                continue
            waits_after_esc = self._timeout_time is not None and self._last.endswith(_ESC)
            if waits_after_esc and not self._is_pasting and not _GOES_ON.match(part):
                self._timeout_time = 0.0  # as if nothing had followed it
                yield from self.tick()
            yield from self.feed(part)
            self._note(part)

    def _note(self, part: str) -> None:
        so_far = self._last + part
        begins, ends = so_far.rfind(_PASTE_BEGINS), so_far.rfind(_PASTE_ENDS)
        if begins != ends:
            self._is_pasting = begins > ends
        self._last = so_far[-len(_PASTE_BEGINS) :]
