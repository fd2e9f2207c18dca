"""Lines are only text, and only what has changed of them is drawn again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tui.widgets.line_widget import changed_columns, line, strip_of
from tui.widgets.text_view import wrapped


def test_markup_and_control_characters_are_only_text() -> None:
    text = strip_of(line("[bold]x[/bold]\x1b[31m", ("[red]", "bold")), 30).text
    assert text.rstrip() == r"[bold]x[/bold]\x1b[31m[red]"


def test_only_the_columns_that_differ_are_painted_again() -> None:
    before, after = (
        strip_of(line("done ", ("128,411", "bold"), " of 430,057"), 40),
        strip_of(line("done ", ("128,412", "bold"), " of 430,057"), 40),
    )
    assert changed_columns(before, after) == 12
    assert changed_columns(before, before) == 0


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200), st.integers(4, 60)
)
def test_wrapped_text_loses_nothing_but_spaces(text: str, columns: int) -> None:
    lines = wrapped(Text(text), columns)
    assert all(part.cell_len <= max(columns, 2) for part in lines)
    assert "".join("".join(part.plain.split()) for part in lines) == "".join(text.split())
