"""Which colours a person wants: PHOTOSTAT_THEME, else what the app was last told to draw in, else the terminal's own.

It is a matter of the person, not of the collection: the choice is kept in their own settings, not in photostat.toml.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.failures import UserError, nearest, one_line, system_error_text
from engine.files.atomic_files import replacing
from tui.theme import TERMINAL, THEMES

VARIABLE = "PHOTOSTAT_THEME"
_LONGEST_NAME = 100


@dataclass(frozen=True)
class ThemeChoice:
    name: str = TERMINAL.name
    problem: str = ""
    """Why it is not what is remembered; a sentence."""


OWN_COLOURS = ThemeChoice()


def chosen_theme() -> ThemeChoice:
    """Raises UserError if the variable names no theme."""
    if "NO_COLOR" in os.environ:
        return OWN_COLOURS
    if wanted := os.environ.get(VARIABLE, "").strip():
        if wanted not in THEMES:
            raise UserError(f"{VARIABLE}: {no_such_theme(wanted)}")
        return ThemeChoice(wanted)
    path = remembered_path()
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            remembered = file.read(_LONGEST_NAME).strip()
    except FileNotFoundError:
        return OWN_COLOURS
    except OSError as error:
        return ThemeChoice(problem=f"The theme cannot be read: {system_error_text(error)}.")
    if remembered in THEMES:
        return ThemeChoice(remembered)
    return ThemeChoice(problem=f"{path}: {no_such_theme(remembered)}")


def no_such_theme(name: str) -> str:
    meant = nearest(name, THEMES)
    advice = f"did you mean {meant}?" if meant else "T in the app shows all"
    return f"no theme {one_line(name)!r}; {advice}"


def remember(name: str) -> None:
    """For the next start of the app. Raises OSError."""
    path = remembered_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(f"{name}\n")


def remembered_path() -> Path:
    """In the person's settings, as the XDG Base Directory Specification has it: only absolute directories count."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not settings.is_absolute():
        try:
            settings = Path.home() / ".config"
        except RuntimeError:  # a user without an entry, and without HOME
            settings = Path("/nonexistent")
    return settings / "photostat" / "theme"
