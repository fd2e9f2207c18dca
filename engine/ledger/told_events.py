"""An event in words: several that are told as one have their number and their time before the last of them."""

from __future__ import annotations

from engine.formatting import integer, time_of_day
from engine.ledger.models import Event


def told(event: Event) -> str:
    """`source-missing ×1,312, 02:10:05–02:14:10, the last: no such file`; its message if it is told alone."""
    if event.times == 1:
        return event.message
    first, last = time_of_day(event.first), time_of_day(event.time)
    when = first if first == last else f"{first}–{last}"
    message = event.message.removeprefix(f"{event.fold}: ")
    return f"{event.fold} ×{integer(event.times)}, {when}, the last: {message}"
