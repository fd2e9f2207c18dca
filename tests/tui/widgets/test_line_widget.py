"""Lines are plain text, and only their changed parts are painted again."""

from __future__ import annotations

from tui.widgets.line_widget import changed_columns, line, strip_of


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
