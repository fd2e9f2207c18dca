from __future__ import annotations

from engine.failures import one_line, visible


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert visible("a\x1b[31mb\x07\r\n") == r"a\x1b[31mb\x07\r\n"
    assert visible("a\x1b[31mb\x07\r\n", as_pictures=True) == "a␛[31mb␇␍␊"
    assert visible("\x7f\u202edrowssap\udcff", as_pictures=True) == r"␡\u202edrowssap\xff"
    assert visible("Ærøskøbing 地図") == "Ærøskøbing 地図"


def test_a_message_stays_one_line() -> None:
    assert one_line(" a\n\tb\u2028c\x1b ") == r"a b c\x1b"
