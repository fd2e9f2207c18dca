"""What is typed in one piece is the same keys as what is typed key by key, in any encoding."""

from __future__ import annotations

import pytest
from textual.events import Key, Paste

from tui.terminal.keys import KeyParser


def keys(*pieces: bytes, encoding: str = "utf-8") -> list[str]:
    """The names of the keys, and what was pasted, of bytes that were read in these pieces."""
    parser = KeyParser(encoding)
    found = [event for piece in pieces for event in parser.take(piece)]
    found += parser.feed("")
    return [name for event in found for name in names_of(event)]


def names_of(event: object) -> list[str]:
    match event:
        case Key():
            return [event.key]
        case Paste():
            return [f"“{event.text}”"]
    return []


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (b"\x1bp", ["escape", "p"]),
        (b"\x1bSy", ["escape", "S", "y"]),
        (b"\x1b\r", ["escape", "enter"]),
        (b"\x1b\t", ["escape", "tab"]),
        (b"\x1b/dr", ["escape", "slash", "d", "r"]),
        (b"\x1b:\x1b?", ["escape", "colon", "escape", "question_mark"]),
        (b"\x1b\x1b\x1bX ", ["escape", "escape", "escape", "X", "space"]),
        (b"\x1b\x1b[B\x1b[Z\x1bOP", ["escape", "down", "shift+tab", "f1"]),
        (b"\x1b[200~ar\x1b[201~\x1bp", ["“ar”", "escape", "p"]),
        (b"a \xc3\xa9\xe9\x1bq", ["a", "space", "é", "�", "escape", "q"]),
    ],
)
def test_esc_is_a_key_whatever_follows_it(typed: bytes, wanted: list[str]) -> None:
    for size in (len(typed), 1, 2, 3):
        pieces = [typed[at : at + size] for at in range(0, len(typed), size)]
        assert [name_of(key) for key in keys(*pieces)] == wanted, pieces


def name_of(key: str) -> str:
    return {"latin_small_letter_e_with_acute": "é", "replacement_character": "�"}.get(key, key)


def test_a_terminal_s_own_encoding_is_read() -> None:
    assert keys(b"\xe9", encoding="iso8859-1") == keys("é".encode())


def test_a_key_that_comes_long_after_esc_is_taken() -> None:
    parser = KeyParser("utf-8")
    assert list(parser.take(b"\x1b")) == []
    parser._timeout_time = 0.0
    found = [*parser.tick(), *parser.take(b"p")]
    assert [event.key for event in found if isinstance(event, Key)] == ["escape", "p"]
