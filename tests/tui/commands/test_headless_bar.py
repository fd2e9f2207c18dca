"""The progress bar of `run --headless` on narrow terminals."""

from __future__ import annotations

from io import StringIO

import pytest
from msgspec import structs
from rich.console import Console

from tests.support.statuses import running
from tui.commands.shared.headless import _Bar


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_what_is_done_of_how_many_is_never_cut(columns: int) -> None:
    console = Console(file=StringIO(), width=columns, force_terminal=True, color_system=None)
    with _Bar(console) as bar:
        bar.show(structs.replace(running(), eta_range_seconds=(188.0, 45_100.0)))
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "128415/430057" in text and "━" in text and "…" not in text
    words = " ".join(text.split())
    assert all(word in words for word in ("477 failed", "66.2 images/min", "12 h 31", "to go"))
