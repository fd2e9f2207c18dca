"""The app's colours. Widgets draw in the terminal's sixteen; a theme says which colours those are.

`terminal` is the terminal's own, so that light, dark and sixteen colours stay as their owner set them. Every other
theme is one of Textual's, and brings its own background.
"""

from __future__ import annotations

import math
from functools import cache

from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

TERMINAL = Theme(
    name="terminal",
    ansi=True,
    primary="ansi_default",
    secondary="ansi_default",
    accent="ansi_default",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white",
        "block-cursor-text-style": "bold",
    },
)
THEMES = {TERMINAL.name: TERMINAL} | {
    name: theme for name, theme in sorted(BUILTIN_THEMES.items()) if not theme.ansi
}
"""By name, the terminal's own first."""
_LEGIBLE = 4.5
"""The least contrast of text and its background: WCAG 2.2, success criterion 1.4.3."""
_BLACK, _WHITE = Color(16, 16, 16), Color(245, 245, 245)
"""Text on a coloured ground."""


@cache
def sixteen_colours(name: str) -> TerminalTheme:
    """What the terminal's colours are in one of Textual's themes; text can be read in each of them."""
    variables = THEMES[name].to_color_system().generate()
    background = Color.parse(variables["background"])
    foreground = legible(Color.parse(variables["foreground"]), background)
    red, green, yellow, *others = (
        legible(Color.parse(variables[name]), background)
        for name in ("error", "success", "warning", "primary", "secondary", "accent")
    )
    others.sort(key=lambda colour: min(difference(colour, other) for other in (red, green, yellow)))
    magenta, blue, cyan = others
    hues = [_rgb(colour) for colour in (red, green, yellow, blue, magenta, cyan)]
    grey = _rgb(foreground.blend(background, 0.4))
    normal = [_rgb(_BLACK), *hues, _rgb(_WHITE)]
    return TerminalTheme(_rgb(background), _rgb(foreground), normal, [grey, *hues, _rgb(_WHITE)])


def legible(colour: Color, background: Color) -> Color:
    """The colour, moved towards black or white until it can be read on the background."""
    towards = _WHITE if background.brightness < 0.5 else _BLACK
    for step in range(21):
        shown = colour.blend(towards, step / 20, alpha=1)
        if contrast(shown, background) >= _LEGIBLE:
            return shown
    return towards


def contrast(one: Color, other: Color) -> float:
    """From 1 to 21, as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def difference(one: Color, other: Color) -> float:
    """From 0 to 442: the distance of two colours in red, green and blue."""
    return math.dist(one.rgb, other.rgb)


def _luminance(colour: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: Color) -> tuple[int, int, int]:
    return colour.rgb
