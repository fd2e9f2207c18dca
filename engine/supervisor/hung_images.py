"""Images whose source does not answer: each is held back and tried again, and several in a row are a hold.

A read that never returns says nothing about an image. It costs the process that waits in it, and the image its turn;
the others go on. Times are monotonic, s.
"""

from __future__ import annotations

import time

from msgspec import Struct, structs

from engine.control.snapshot import Hold, HoldReason
from engine.failures import one_line
from engine.formatting import counted, duration
from engine.hosts.base import Host
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.messages import MissingSource, ShareAway
from engine.supervisor.event_log import EventLog
from engine.supervisor.holds import Holds
from engine.supervisor.host_holds import HostHolds

_HANGS_AFTER_S = 60.0
_LONGEST_WAIT_S = 1800.0
_MOST_LEFT_BEHIND = 8
"""Processes of a kind that no signal ends; with so many of them no further one is given up."""


class _HungImage(Struct, frozen=True):
    path: str
    since: float
    tries: int
    again_at: float


class HungImages:
    def __init__(
        self, holds: HostHolds, of_run: Holds, events: EventLog, host: Host, timeout_s: float | None
    ) -> None:
        """`timeout_s` is what an image may take, if the settings say so."""
        self._holds = holds
        self._events = events
        self._of_run = of_run
        self._host = host
        self.hangs_after_s = min(_HANGS_AFTER_S, timeout_s or _HANGS_AFTER_S)
        """A source that has not answered for so long hangs."""
        self._images: dict[int, _HungImage] = {}
        self._in_a_row: dict[int, MissingSource] = {}
        """Those since a source was last read."""
        self._seen = (0, 0)
        """Resumes, and processes left behind that have ended, when these images were last let go."""

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, image_id: int) -> bool:
        return image_id in self._images

    def forget(self, image_id: int, now: float) -> float:
        """A person wants no more of it; returns for how long its source has not answered, s."""
        self._in_a_row.pop(image_id, None)
        return now - self._images.pop(image_id).since

    def may_give_up(self, name: str) -> bool:
        """Whether another process with such a name may be left behind."""
        return self._host.stuck(name) < _MOST_LEFT_BEHIND

    def hangs(self, subject: Subject, missing: MissingSource, waited_s: float, now: float) -> None:
        """The source of this image has not answered for so long; the second one in a row begins a hold."""
        image_id, path = subject.image_id, missing.request.source_path
        before = self._images.get(image_id)
        tries = before.tries + 1 if before else 1
        wait_s = min(_LONGEST_WAIT_S, self.hangs_after_s * 2.0 ** min(tries - 1, 10))
        since = before.since if before else now - waited_s
        self._images[image_id] = _HungImage(path, since, tries, now + wait_s)
        message = (
            f"{path}: no answer for {duration(waited_s)}; the image stays pending and is tried again in "
            f"{duration(wait_s)}, others go on"
        )
        self._events.warning(EventKind.PUT_BACK, one_line(message), subject)
        self._in_a_row[image_id] = missing
        if len(self._in_a_row) >= 2:
            self._hold(path, waited_s, now)

    def all_hang(self, missing: MissingSource, waited_s: float, now: float) -> None:
        """Every worker waits for a source, and none of them can be given up."""
        self._in_a_row[missing.request.image_id] = missing
        self._hold(missing.request.source_path, waited_s, now)

    def read(self, image_id: int, begun: float) -> None:
        """The source of this image has been read, from `begun` on: the share answers."""
        self._images.pop(image_id, None)
        self._in_a_row = {
            hung: missing
            for hung, missing in self._in_a_row.items()
            if hung in self._images and begun < self._images[hung].since
        }

    def share_answers(self) -> None:
        """Another source has been read, so that only these images' sources hang."""
        self._in_a_row.clear()

    def may_start(self, image_id: int, now: float) -> bool:
        """False while its source is not expected to answer."""
        hung = self._images.get(image_id)
        return hung is None or now >= hung.again_at

    def unreadable(self, now: float) -> frozenset[int]:
        """The images that may not start, because their sources are not expected to answer."""
        return frozenset(image_id for image_id in self._images if not self.may_start(image_id, now))

    def tick(self, now: float) -> None:
        """Try again at once when a person resumes, or when a process that had been left behind has ended."""
        seen = (self._of_run.resumes, self._host.ended_late)
        if seen == self._seen:
            return
        if seen[1] != self._seen[1]:
            self._holds.something_answers(now)
        self._seen = seen
        self._images = {
            image_id: structs.replace(hung, again_at=now) for image_id, hung in self._images.items()
        }

    def hold(self, now: float) -> Hold | None:
        """For people, if nothing is left to do but these images."""
        if not self._images:
            return None
        first = min(self._images.values(), key=lambda hung: hung.since)
        again_at = min(hung.again_at for hung in self._images.values())
        is_one = len(self._images) == 1
        others = "" if is_one else f" and {counted(len(self._images) - 1, 'other')}"
        detail = (
            f"{counted(len(self._images), 'image')} left: {first.path}{others} {'has' if is_one else 'have'} not "
            f"answered for {duration(now - first.since)}"
        )
        offset = time.time() - now
        return Hold(HoldReason.SOURCE, one_line(detail), first.since + offset, again_at + offset)

    def _hold(self, path: str, waited_s: float, now: float) -> None:
        count = len(self._in_a_row)
        detail = one_line(
            f"{counted(count, 'source')} {'does' if count == 1 else 'in a row do'} not answer, the last one for "
            f"{duration(waited_s)} ({path}): the share hangs"
        )
        was_open = self._holds.may_survey
        for missing in self._in_a_row.values():
            directory = missing.request.source_path.rpartition("/")[0]
            self._holds.source_hangs(ShareAway(directory, detail), missing, now)
        if was_open and not self._holds.may_survey:
            self._events.warning(EventKind.HOLD, detail)
