"""The app's colours: each theme of Textual's can be read, and its hues differ."""

from __future__ import annotations

import pytest
from textual.color import Color

from tui.theme import THEMES, contrast, difference, sixteen_colours

TEXTUALS = [name for name, theme in THEMES.items() if not theme.ansi]
RED, GREEN, YELLOW, CYAN = 1, 2, 3, 6


def test_there_are_dark_and_light_ones() -> None:
    assert {THEMES[name].dark for name in TEXTUALS} == {True, False}
    assert next(iter(THEMES)) == "terminal"


@pytest.mark.parametrize("name", TEXTUALS)
def test_every_hue_can_be_read_and_told_from_the_others(name: str) -> None:
    colours = sixteen_colours(name)
    background = Color(*colours.background_color)
    hues = {hue: Color(*colours.ansi_colors[hue]) for hue in (RED, GREEN, YELLOW, CYAN)}
    assert contrast(Color(*colours.foreground_color), background) >= 4.5
    for hue in hues.values():
        assert contrast(hue, background) >= 4.5
    for one in hues:
        for other in hues:
            assert one == other or difference(hues[one], hues[other]) > 30
