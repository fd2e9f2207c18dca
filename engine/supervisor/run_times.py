"""How the time of an engine passes: what it waits for and how long, and what it gets done in each ten minutes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from engine.ledger.runs import Throughput, Wait, WaitKind

ASLEEP_S = 30.0
"""A longer gap between two turns of the loop: the machine or the process was suspended."""
_SPAN_S = 600.0
"""Of work, for one record of throughput."""
_CLOSE_S = 60.0
"""A hold that begins so soon after one for the same reason is counted with that one."""


class Moment(Struct, frozen=True):
    steady_s: float
    """By a clock that nobody sets, and that goes on while the machine sleeps."""
    unix_s: float


class Doing(Struct, frozen=True):
    """What an engine does: it works, or waits."""

    kind: WaitKind | None = None
    """None: it works."""
    reason: str = ""
    detail: str = ""
    since: float = 0.0
    """Of a hold or a pause, Unix time, s."""


class Stored(Struct, frozen=True):
    """Images that came into the store, since the engine began."""

    images: int = 0
    megapixels: float = 0.0
    source_bytes: int = 0
    jpeg_bytes: int = 0


class RunTimes:
    def __init__(self, began: Moment) -> None:
        self.began = began
        self.until = began
        """Up to here time is accounted for."""
        self._doing = Doing()
        self._waits: list[Wait] = []
        self._of_hold: list[float] = []
        """When the hold or pause began to which each of the waits belongs."""
        self._stored = Stored()
        self._spans = [Throughput(began.unix_s, 0.0, 0, 0.0, 0, 0)]
        self._changed_waits: set[int] = set()
        self._changed_spans: set[int] = set()

    @property
    def lasted_s(self) -> float:
        return self.until.steady_s - self.began.steady_s

    def pass_time(self, now: Moment, doing: Doing) -> bool:
        """Until now it did what was said last; from now on it does this. True if that is something else."""
        passed_s = max(0.0, now.steady_s - self.until.steady_s)
        if passed_s > ASLEEP_S:
            self._wait(Doing(WaitKind.ASLEEP), now, passed_s)
        elif self._doing.kind is not None:
            self._wait(self._doing, now, passed_s)
        else:
            self._work(now, passed_s)
        is_other = (doing.kind, doing.reason) != (self._doing.kind, self._doing.reason)
        self._doing, self.until = doing, now
        if is_other and doing.kind is not None:
            self._wait(doing, now, 0.0)  # known at once, whatever becomes of the engine
        return is_other

    def stored(self, total: Stored) -> bool:
        """So much came into the store by now; True if that is more than was known."""
        if total == self._stored:
            return False
        span, before = self._spans[-1], self._stored
        self._spans[-1] = structs.replace(
            span,
            images=span.images + total.images - before.images,
            megapixels=span.megapixels + total.megapixels - before.megapixels,
            source_bytes=span.source_bytes + total.source_bytes - before.source_bytes,
            jpeg_bytes=span.jpeg_bytes + total.jpeg_bytes - before.jpeg_bytes,
        )
        self._stored = total
        self._changed_spans.add(len(self._spans) - 1)
        return True

    def take_changes(self) -> tuple[Mapping[int, Wait], Mapping[int, Throughput]]:
        """The numbered records that are new or have changed since this was last called."""
        waits = {number: self._waits[number] for number in sorted(self._changed_waits)}
        spans = {number: self._spans[number] for number in sorted(self._changed_spans)}
        self._changed_waits, self._changed_spans = set(), set()
        return waits, spans

    def _work(self, now: Moment, passed_s: float) -> None:
        if self._spans[-1].worked_s >= _SPAN_S:
            self._spans.append(Throughput(self.until.unix_s, 0.0, 0, 0.0, 0, 0))
        span = self._spans[-1]
        self._spans[-1] = structs.replace(span, worked_s=span.worked_s + passed_s)
        self._changed_spans.add(len(self._spans) - 1)

    def _wait(self, doing: Doing, now: Moment, passed_s: float) -> None:
        assert doing.kind is not None
        number = self._same(doing)
        if number is None:
            number = len(self._waits)
            began = self.until.unix_s
            self._waits.append(Wait(doing.kind, doing.reason, doing.detail, began, began, 0.0, 0))
            self._of_hold.append(float("-inf"))
        wait = self._waits[number]
        is_another = abs(self._of_hold[number] - doing.since) > 1.0
        self._waits[number] = structs.replace(
            wait,
            ended=now.unix_s,
            lasted_s=wait.lasted_s + passed_s,
            times=wait.times + is_another,
            detail=doing.detail,
        )
        self._of_hold[number] = doing.since
        self._changed_waits.add(number)

    def _same(self, doing: Doing) -> int | None:
        """The wait that this one goes on with: the same hold or pause, or a hold for the same reason that ended just
        before."""
        for number in range(len(self._waits) - 1, max(-1, len(self._waits) - 4), -1):
            wait = self._waits[number]
            if (wait.kind, wait.reason) != (doing.kind, doing.reason) or wait.kind is WaitKind.ASLEEP:
                continue
            is_same = abs(self._of_hold[number] - doing.since) <= 1.0
            is_close = wait.kind is WaitKind.HELD and self.until.unix_s - wait.ended < _CLOSE_S
            return number if is_same or is_close else None
        return None
