from __future__ import annotations

from engine.failures import one_line


def test_a_message_stays_one_line() -> None:
    assert one_line(" a\n\tb\u2028c\x1b ") == r"a b c\x1b"
