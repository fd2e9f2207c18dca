"""A terminal without Unicode shows drawings, not question marks; widths stay, and names stay exact in commands."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len

from tui.terminal.plain_glyphs import CELLS, ESCAPE
from tui.terminal.text import bar, column_chart, sparkline

TUI = Path(__file__).parents[3] / "tui"


@pytest.mark.parametrize("encoding", ["iso8859-1", "ascii", "cp1252", "koi8-r"])
def test_whatever_the_app_draws_has_something_of_its_width(encoding: str) -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in TUI.rglob("*.py"))
    glyphs = sorted({c for c in written if ord(c) > 126 and c != "№" and unicodedata.category(c)[0] in "SP"})
    drawings = [bar(0.37, 20), sparkline([1, 5, 3, 8, 2, 7], 6), *column_chart([1, 5, 3, 9], 8, 3)]
    assert len(glyphs) > 20
    for text in [*glyphs, *drawings]:
        shown = text.encode(encoding, CELLS).decode(encoding)
        assert "?" not in shown and cell_len(shown) == cell_len(text), (text, shown)


def test_a_bar_and_the_parts_of_the_account_can_be_told_apart() -> None:
    assert bar(0.5, 8).encode("ascii", CELLS) == b"####...."
    assert len(set("█▓▒░·".encode("ascii", CELLS))) == 5


def test_letters_keep_their_columns_on_a_screen_and_are_exact_in_commands() -> None:
    assert "Nr-№ 日本 é".encode("iso8859-1", CELLS) == b"Nr-? ???? \xe9"
    assert "✓ Nr-№ a–b".encode("iso8859-1", ESCAPE) == rb"v Nr-\u2116 a\u2013b"
    assert "a\udcffb".encode("utf-8", CELLS) == b"a?b"
