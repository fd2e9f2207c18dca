"""A text is wrapped to the width of its view."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tui.widgets.text_view import wrapped


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200), st.integers(4, 60)
)
def test_wrapped_text_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = wrapped(Text(text), columns)
    assert all(part.cell_len <= max(columns, 2) for part in lines)
    assert "".join("".join(part.plain.split()) for part in lines) == "".join(text.split())
