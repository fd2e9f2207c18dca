"""When people are told of holds: at once of the first, and never of hundreds that come and go.

A trouble begins with a hold, and ends when there was none for a while. People are told of its beginning, of every new
reason in it, at most once an hour of the holds that go on, and of its end with how often and how long it held. A
trouble that comes back has to stay away longer the next time before it counts as over.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field, structs

from engine.control.snapshot import Hold, HoldReason
from engine.formatting import HOUR, MINUTE, counted, duration
from engine.notify.protocol import Occasion

_FIRST_CALM_S = 1 * MINUTE
_LONGEST_CALM_S = 1 * HOUR
_FORGETS_AFTER_S = 3 * HOUR
"""Without a hold; then the next trouble is a first one again."""
_AGAIN_AFTER_S = 1 * HOUR
_HOSTS_COME_WITHIN_S = 2 * MINUTE


class ToTell(Struct, frozen=True):
    occasion: Occasion
    text: str
    hold: Hold | None = None


class _Trouble(Struct, frozen=True):
    """All times are monotonic, s."""

    told_at: float
    holds: int = 0
    held_s: float = 0.0
    untold: int = 0
    """Holds that nobody was told of."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Those that people were told of, with the last detail."""


class HoldNotices(Struct, frozen=True):
    trouble: _Trouble | None = None
    holding_since: float | None = None
    calm_since: float = float("-inf")
    calm_s: float = _FIRST_CALM_S

    def look(self, hold: Hold | None, now: float) -> tuple[HoldNotices, ToTell | None]:
        """Asked at every turn."""
        if hold is None or hold.reason is HoldReason.HOURS:  # these begin and end every day
            return self._calm(now)
        before = self if self.holding_since is not None else self._begun(now)
        trouble = before.trouble
        assert trouble is not None and before.holding_since is not None
        is_new = hold.reason not in trouble.reasons
        if hold.reason is HoldReason.HOSTS and now - before.holding_since < _HOSTS_COME_WITHIN_S:
            return before, None  # at the beginning of a run they are on their way
        is_due = trouble.untold > 0 and now - trouble.told_at >= _AGAIN_AFTER_S
        if not is_new and not is_due:
            return before, None
        text = f"{hold.reason}: {hold.detail}"
        if trouble.holds > 1:
            text += f" (it has held {_times(trouble.holds)}, {duration(trouble.held_s)} before this one)"
        told = structs.replace(
            trouble, told_at=now, untold=0, reasons={**trouble.reasons, hold.reason.value: hold.detail}
        )
        return structs.replace(before, trouble=told), ToTell(Occasion.HOLDING, text, hold)

    def _begun(self, now: float) -> HoldNotices:
        """A hold begins, in a trouble or as a new one."""
        trouble = self.trouble
        if trouble is None:
            is_first = now - self.calm_since >= _FORGETS_AFTER_S
            calm_s = _FIRST_CALM_S if is_first else min(_LONGEST_CALM_S, 2 * self.calm_s)
            return structs.replace(self, trouble=_Trouble(now, holds=1), holding_since=now, calm_s=calm_s)
        more = structs.replace(trouble, holds=trouble.holds + 1, untold=trouble.untold + 1)
        return structs.replace(self, trouble=more, holding_since=now)

    def _calm(self, now: float) -> tuple[HoldNotices, ToTell | None]:
        trouble, since = self.trouble, self.holding_since
        if since is not None and trouble is not None:
            held = structs.replace(trouble, held_s=trouble.held_s + now - since)
            return structs.replace(self, trouble=held, holding_since=None, calm_since=now), None
        if trouble is None or now - self.calm_since < self.calm_s:
            return self, None
        what = "; ".join(f"{reason}: {detail}" for reason, detail in trouble.reasons.items())
        often = (
            f"held {_times(trouble.holds)}, {duration(trouble.held_s)} in all"
            if trouble.holds > 1
            else (f"held for {duration(trouble.held_s)}")
        )
        text = f"goes on since {duration(now - self.calm_since)}, after it {often} ({what})"
        return structs.replace(self, trouble=None), ToTell(Occasion.HOLD_ENDED, text)


def _times(count: int) -> str:
    return counted(count, "time")
