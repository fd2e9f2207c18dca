"""What an action is: its keys, where it is available, and what must hold for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where an action is available."""

    DASHBOARD = "On the dashboard"
    WORKERS = "With a worker of the dashboard"
    BATCHES = "With a batch of the dashboard"
    LIST = "In a list"
    FAILED = "With failed images"
    DETAIL = "In an image's detail"
    EVENTS = "In the event log"
    HOST = "On the page of a host"
    HELP = "In this help"
    ANYWHERE = "Anywhere"


class Precondition(StrEnum):
    """What must hold before the action makes sense."""

    NONE = "none"
    ENGINE = "engine"
    STAYING_ENGINE = "an engine that is not ending"
    NO_ENGINE = "no engine"
    HOSTS = "other machines may join"


@dataclass(frozen=True)
class Action:
    id: str
    """The method that does it is `action_<id>`."""
    keys: str
    """Textual's names, separated by commas; the first one is shown."""
    label: str
    tooltip: str
    scopes: tuple[Scope, ...]
    changes: bool = False
    """Changes something, so `--read-only` refuses it."""
    requires: Precondition = Precondition.NONE
    rank: int = 0
    """Order in the footer, 1 first; an action of rank 0 is not in the footer."""
    short: str = ""
    """A shorter label for the footer."""
    by_widget: bool = False
    """The widget that has the keys does it, not the screen; it is then not in the palette."""
    at_once: bool = False
    """Done also while what the screen shows is still being read."""
