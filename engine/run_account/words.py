"""The account of a run in words: lines of a label and a text, the same wherever people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.formatting import (
    DAY,
    HOUR,
    counted,
    data_size,
    date_and_time,
    duration,
    integer,
    per_minute,
    reduction,
    time_of_day,
    visible,
)
from engine.run_account.account import Crash, HeldFor, PausedBy, RunAccount, RunState

_MOST_NAMED = 3
"""Pauses and crashes that are named each; the others are counted."""
_SENTENCE_END = re.compile(r"(?<=[.?]) (?=[A-Z])")
_WORDS = {
    RunState.RUNNING: "runs",
    RunState.FINISHED: "finished",
    RunState.DRAINED: "drained, with what was in flight finished",
    RunState.STOPPED: "stopped",
    RunState.DIED: "the engine died",
}
NO_ACCOUNT = (
    "An earlier version of photostat made this run, and kept no account of it: `photostat events` tells when it "
    "began and ended."
)
"""Of a ledger in which images are done, and no run."""


class Line(NamedTuple):
    label: str
    text: str


def lines(account: RunAccount) -> tuple[Line, ...]:
    """The most important first. Times are local, with their dates: it may be read at any later time."""
    found = [
        Line("run", _run(account)),
        Line("time", _time(account)),
        Line("held", _held(account)),
        Line("paused", _paused(account)),
        Line("restarts", _restarts(account)),
        Line("clock", _clock(account)),
        Line("images", _images(account)),
        Line("failed", _failed(account)),
        *(Line("next", what) for what in next_steps(account)),
    ]
    return tuple(Line(line.label, visible(line.text)) for line in found if line.text)


def text(account: RunAccount) -> str:
    """All lines as one text, the labels in a column."""
    told = lines(account)
    width = max(len(line.label) for line in told)
    return "\n".join(f"{line.label:{width}}  {line.text}" for line in told)


def next_steps(account: RunAccount) -> list[str]:
    """What there is to do, each with its command and the app's key."""
    steps = []
    can_start = account.remaining - account.held_back
    if account.state is RunState.DIED:
        steps.append("see how it ended: `photostat events`, and engine-output.log in logs/")
    if account.state is not RunState.RUNNING and (can_start or account.orders):
        orders = f" and {counted(account.orders, 'order')} in hand" if account.orders else ""
        steps.append(f"go on with {counted(can_start, 'image')}{orders}: `photostat run` (s in the app)")
    if account.held_back:
        steps.append(
            f"let {counted(account.held_back, 'image')} of held batches start: `photostat batches` names them, "
            "`photostat batches release NAME` (r at a batch in the app)"
        )
    if account.failed:
        steps.append(
            f"see why {counted(account.failed, 'image')} failed: `photostat failures` (f), "
            "then `photostat requeue` or `photostat accept`"
        )
    if not account.remaining and not account.failed:
        steps.append(
            "compare with the store: `photostat reconcile`; look at each batch: `photostat review BATCH`; "
            "write the account: `photostat report`"
        )
    return steps


def _run(account: RunAccount) -> str:
    began, ended = date_and_time(account.began), _day_time(account.ended, account.began)
    if account.seconds >= HOUR:
        ended = ended.rpartition(":")[0]
    else:
        began = f"{began[:11]} {time_of_day(account.began)}"
    if account.state is RunState.RUNNING:
        return f"began {began}, runs for {duration(account.seconds)}"
    said = "ended" if account.state is not RunState.DIED else "last seen"
    return f"{_WORDS[account.state]}: began {began}, {said} {ended}, after {duration(account.seconds)}"


def _time(account: RunAccount) -> str:
    parts = [
        (account.at_work_seconds, "at work"),
        (account.held_seconds, "held"),
        (account.paused_seconds, "paused"),
        (account.asleep_seconds, "suspended with the machine"),
        (account.off_seconds, "without an engine"),
    ]
    return ", ".join(f"{duration(seconds)} {what}" for seconds, what in parts if seconds >= 1)


def _held(account: RunAccount) -> str:
    return "; ".join(_hold(hold, account) for hold in account.holds)


def _hold(hold: HeldFor, account: RunAccount) -> str:
    often = f" ({integer(hold.times)} times, mostly " if hold.times > 1 else " ("
    when = _span(hold.longest_began, hold.longest_ended, account.began)
    return f"{hold.reason}{_lasting(' ', hold.seconds)}{often}{when}: {_why(hold, account)})"


def _why(hold: HeldFor, account: RunAccount) -> str:
    """Once the hold is over there is no need of the advice that follows what happened."""
    is_over = hold.longest_ended < account.ended
    return _SENTENCE_END.split(hold.detail, maxsplit=1)[0].removesuffix(".") if is_over else hold.detail


def _paused(account: RunAccount) -> str:
    return _the_last("pauses", [_pause(pause, account) for pause in account.pauses])


def _pause(pause: PausedBy, account: RunAccount) -> str:
    by = f"by {pause.by}, {_span(pause.began, pause.ended, account.began)}"
    return f"{_lasting('', pause.seconds)} {by}".lstrip()


def _lasting(before: str, seconds: float) -> str:
    """Empty if nothing is known of how long: the engine died as it had just begun."""
    return f"{before}{duration(seconds)}" if seconds >= 1 else ""


def _restarts(account: RunAccount) -> str:
    parts = [counted(account.restarts, "restart")] if account.restarts else []
    if account.crashes:
        parts.append(_the_last("crashes", [_crash(crash, account) for crash in account.crashes]))
    return "; ".join(parts)


def _crash(crash: Crash, account: RunAccount) -> str:
    why = f" ({crash.why})" if crash.why else ""
    after = (
        f"; the next began {duration(crash.seconds_until_next)} later"
        if crash.seconds_until_next is not None
        else ""
    )
    return f"the engine (process {crash.pid}) died at {_day_time(crash.time, account.began)}{why}{after}"


def _clock(account: RunAccount) -> str:
    change = account.clock_change_seconds
    if not change:
        return ""
    way = "forward" if change > 0 else "back"
    return (
        f"the machine's clock was set {way} by {duration(abs(change))} meanwhile: durations are right, "
        "and times of day are as the clock was"
    )


def _images(account: RunAccount) -> str:
    if not account.images:
        return "none came into the store"
    smaller = reduction(account.source_bytes, account.jpeg_bytes)
    sizes = f"{data_size(account.source_bytes)} to {data_size(account.jpeg_bytes)} ({smaller})"
    told = f"{counted(account.images, 'image')} into the store, {sizes}"
    if account.images_per_s is not None:
        told += f"; {per_minute(account.images_per_s)} images/min at work"
    if account.best_images_per_s is not None and account.best_began is not None:
        told += f", at best {per_minute(account.best_images_per_s)} ({_day_time(account.best_began, account.began)})"
    return told


def _failed(account: RunAccount) -> str:
    """What is new since yesterday is told only of a run that began before."""
    if not account.failures:
        return ""
    tells_new = account.new_since > account.began
    causes = []
    for failed in account.failures:
        new = f" ({integer(failed.new) if failed.new else 'none'} in the last 24 h)" if tells_new else ""
        causes.append(f"{failed.cause} {integer(failed.images)}{new}")
    return f"{counted(account.failed, 'image')}: {', '.join(causes)}"


def _the_last(what: str, parts: Sequence[str]) -> str:
    """All of a few; of many the last ones, which people still have to do with."""
    if len(parts) <= _MOST_NAMED:
        return "; ".join(parts)
    last = "; ".join(parts[-_MOST_NAMED:])
    return f"{integer(len(parts))} {what} (`photostat events`), the last {_MOST_NAMED}: {last}"


def _span(began: float, ended: float, run_began: float) -> str:
    """`02:10:05–03:40:00`, with the date of the first if the run began on another day, and of the second if that is
    days later."""
    if ended - began >= DAY:
        return f"{_dated(began)}–{_dated(ended)}"
    first, last = time_of_day(began), time_of_day(ended)
    return _day_time(began, run_began) if first == last else f"{_day_time(began, run_began)}–{last}"


def _day_time(moment: float, run_began: float) -> str:
    """With its date, unless the run began on that day."""
    is_same_day = date_and_time(moment)[:11] == date_and_time(run_began)[:11]
    return time_of_day(moment) if is_same_day else _dated(moment)


def _dated(moment: float) -> str:
    return f"{date_and_time(moment)[:6]} {time_of_day(moment)}"
