"""How far a check is: its rate and how long the rest takes."""

from __future__ import annotations

import pytest

from tui.commands.shared import progress
from tui.commands.shared.progress import Rate, headers_progress, headers_text


def test_rate_and_rest_are_of_the_last_while() -> None:
    rate = Rate(over_s=10)
    rate.add(0.0, 0)
    assert headers_text(rate, 0, 1000) == "0 of 1,000 headers"
    for second in range(1, 31):
        rate.add(float(second), second * 10 if second <= 15 else 150 + (second - 15) * 50)
    assert rate.per_s == 50 and rate.left_s(1000) == 2
    assert headers_text(rate, 900, 1000) == "900 of 1,000 headers, 50/s, about 2 s left"
    assert headers_text(rate, 1000, 1000) == "1,000 of 1,000 headers"


def test_without_a_terminal_there_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with headers_progress() as show:
        show(512, 1000)
        assert capsys.readouterr() == ("", "")
        monkeypatch.setattr(progress, "_SAID_EVERY_S", 0.0)
        show(768, 1000)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("768 of 1,000 headers, ") and err.endswith(" left\n")
