"""Whether it is time for the notification of every morning."""

from __future__ import annotations

from datetime import datetime, time, timedelta


def last_morning(at: str, now: datetime) -> datetime | None:
    """The latest moment of that time of day, `08:00`, that is not after `now`; None for an empty one. Local times."""
    if not at:
        return None
    moment = datetime.combine(now.date(), time.fromisoformat(at))
    if moment > now:
        moment -= timedelta(days=1)
    return moment


def is_due(at: str, told: datetime, now: datetime) -> bool:
    """`told`: when the engine last told it, or when it started."""
    moment = last_morning(at, now)
    return moment is not None and told < moment
