"""What stands for a character that the terminal's encoding does not have: something of the same width and look.

They are error handlers of codecs, so all that is written has them: the app by `CELLS`, commands by `ESCAPE`.
"""

from __future__ import annotations

import codecs

from rich.cells import cell_len

CELLS = "photostat-cells"
"""Every character keeps its columns, and one that nothing stands for is `?`: for a screen."""
ESCAPE = "photostat-escape"
"""What draws is replaced, and all else is an escape such as `\\u2116`: names of files stay exact."""

_DRAWN = {
    **dict.fromkeys("█▉▊▋▌■▀▐▇▆", "#"),
    **dict.fromkeys("▍▎▏▄▅", "="),
    **dict.fromkeys("▁▂▃", "_"),
    "▓": "%",
    "▒": "+",
    "░": ":",
    **dict.fromkeys("✓✔", "v"),
    **dict.fromkeys("✗✘╳", "x"),
    **dict.fromkeys("●◆◉★•", "*"),
    **dict.fromkeys("○◇◌☆", "o"),
    **dict.fromkeys("►▶▸→⇒▷", ">"),
    **dict.fromkeys("◄◀◂←⇐", "<"),
    **dict.fromkeys("▲▴↑△⇑", "^"),
    **dict.fromkeys("▼▾↓▽⇓", "v"),
    **dict.fromkeys("─━╌┄┈═", "-"),
    **dict.fromkeys("│┃║╎┆‖", "|"),
    "⏸": "|",
}
_WRITTEN = {
    **dict.fromkeys("–—−‐‑", "-"),
    **dict.fromkeys("“”„‟", '"'),
    **dict.fromkeys("‘’‚‛", "'"),
    "…": ".",
    "≈": "~",
    "×": "x",
    "·": ".",
    "\u202f": " ",
}
_BOXES = range(0x2500, 0x2580)
_BLOCKS = range(0x2580, 0x25A0)
_BRAILLE = range(0x2800, 0x2900)


def _drawn(character: str) -> str | None:
    if character in _DRAWN:
        return _DRAWN[character]
    code = ord(character)
    if code in _BOXES:
        return "+"
    if code in _BLOCKS:
        return "#"
    return "*" if code in _BRAILLE else None


def _in_cells(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_drawn(c) or _WRITTEN.get(c) or "?" * cell_len(c) for c in text), error.end


def _as_escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_drawn(c) or c.encode("ascii", "backslashreplace").decode() for c in text), error.end


codecs.register_error(CELLS, _in_cells)
codecs.register_error(ESCAPE, _as_escape)
