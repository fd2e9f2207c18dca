"""A text is wrapped to the width of its view."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tui.widgets.line_widget import line
from tui.widgets.text_view import wrapped


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200), st.integers(4, 60)
)
def test_wrapped_text_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = wrapped(Text(text), columns)
    assert all(part.cell_len <= max(columns, 2) for part in lines)
    assert "".join("".join(part.plain.split()) for part in lines) == "".join(text.split())


def test_controls_are_made_visible_before_the_text_is_wrapped() -> None:
    parts = wrapped(line("a\x9b\u202e" * 10, ("\x1b", "bold")), 20)
    assert "".join(part.plain for part in parts) == r"a\x9b\u202e" * 10 + r"\x1b"
    assert all(part.cell_len <= 20 for part in parts)
