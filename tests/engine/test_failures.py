from __future__ import annotations

from engine.failures import one_line


def test_a_message_stays_one_line() -> None:
    assert one_line(" a\n\tb\xa0 c\x1b ") == r"a b c\x1b"
    assert one_line("a\x85b\x1cc\u2028d\x9b") == r"a\x85b\x1cc\u2028d\x9b"
