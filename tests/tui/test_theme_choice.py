"""A person's colours: from the environment, remembered, or the terminal's own; a wrong name is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import CommandList

from engine.control.client import running_pid
from engine.failures import UserError
from engine.workspace import Workspace
from tests.support.app_pilot import opened
from tests.support.terminals import Terminal
from tui import theme_choice
from tui.theme import sixteen_colours
from tui.theme_choice import ThemeChoice, chosen_theme, remember, remembered_path


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv(theme_choice.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings" / "photostat" / "theme"


def test_the_variable_comes_before_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_theme() == ThemeChoice("terminal")
    remember("nord")
    assert chosen_theme() == ThemeChoice("nord")
    monkeypatch.setenv(theme_choice.VARIABLE, "gruvbox")
    assert chosen_theme() == ThemeChoice("gruvbox")
    monkeypatch.setenv("NO_COLOR", "1")
    assert chosen_theme() == ThemeChoice("terminal"), "colours that nobody sees are none"


@pytest.mark.parametrize(
    ("name", "advice"),
    [("nrod", "did you mean nord?"), ("Nord", "did you mean nord?"), ("xx", "T in the app")],
)
def test_a_name_that_is_none_is_refused_with_the_nearest(
    name: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(theme_choice.VARIABLE, name)
    with pytest.raises(UserError, match=f"PHOTOSTAT_THEME: no theme '{name}'; ") as refused:
        chosen_theme()
    assert advice in str(refused.value)


def test_what_is_remembered_wrongly_does_not_keep_the_app_from_opening(settings: Path) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_text("nrod\n")
    choice = chosen_theme()
    assert choice.name == "terminal"
    assert choice.problem == f"{settings}: no theme 'nrod'; did you mean nord?"
    settings.unlink()
    settings.mkdir()
    assert "Is a directory" in chosen_theme().problem or "directory" in chosen_theme().problem


def test_settings_that_are_not_absolute_do_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert remembered_path() == tmp_path / ".config" / "photostat" / "theme"


async def test_T_chooses_a_theme_draws_in_it_and_remembers_it(root: Path, settings: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "T", *"nord")
        await session.press("enter")
        await session.until(lambda: session.app.theme == "nord", "the theme")
        await session.settle()
        assert "Theme nord" in session.message
        assert settings.read_text() == "nord\n"
        background = "#{:02x}{:02x}{:02x}".format(*sixteen_colours("nord").background_color)
        for _ in range(2):
            assert background in session.app.export_screenshot()
            await session.press("escape")
        await session.press("T", *"terminal")
        await session.press("enter")
        await session.until(lambda: session.app.theme == "terminal", "the terminal's own colours")
        assert settings.read_text() == "terminal\n"


async def test_a_choice_that_cannot_be_remembered_is_made_all_the_same(root: Path, settings: Path) -> None:
    settings.parent.parent.mkdir(parents=True)
    settings.parent.write_text("a file in the directory's place")
    async with opened(root) as session:
        session.app.choose_theme("nord")
        assert "it cannot be remembered" in session.message
        assert session.app.theme == "nord"


async def test_without_colours_there_is_nothing_to_choose(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(root) as session:
        await session.press("T")
        assert session.message.startswith("NO_COLOR is set")


async def test_without_colours_the_entry_under_the_cursor_of_the_palette_is_underlined(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(root) as session:
        await session.pilot.press("colon")
        entries = session.app.screen.query_one(CommandList)
        await session.until(lambda: entries.highlighted == 0, "the first entry")

        def underlined() -> list[int]:
            strips = [entries.render_line(row) for row in range(6)]
            return [
                row for row, strip in enumerate(strips) if all(s.style and s.style.underline for s in strip)
            ]

        assert underlined() == [0, 1]
        await session.pilot.press("down")
        await session.until(lambda: underlined() == [2, 3], "the second entry")


def test_run_starts_nothing_for_a_theme_that_there_is_not(collection: Path) -> None:
    arguments = ["-m", "tui.cli", "-C", str(collection), "run"]
    with Terminal(arguments, env={theme_choice.VARIABLE: "nrod"}) as terminal:
        terminal.wait_for("PHOTOSTAT_THEME: no theme 'nrod'; did you mean nord?")
        assert terminal.process.wait() == 2
    assert running_pid(Workspace(collection)) is None
