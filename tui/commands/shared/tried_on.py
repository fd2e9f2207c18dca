"""On which machine an image was last tried, as lists on a terminal say it where there is more than one."""

from __future__ import annotations

from engine.config.cluster_extra import HERE
from engine.failures import one_line
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from tui.commands.shared.output import warn


def on_host(image: ImageRow, *, has_hosts: bool) -> str:
    """To follow the image on its line."""
    return f"  ({image.host})" if has_hosts and image.host else ""


def say_who_tried(reader: LedgerReader, host: str | None) -> None:
    """After a list of what one machine has tried: on stderr, if no image was last tried there."""
    known = [HERE, *reader.other_hosts()]
    if host is not None and host not in known:
        warn(f"No image was last tried on {one_line(host)!r}; --host takes {', '.join(known)}.")
