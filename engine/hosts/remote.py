"""Another machine as a host: what it has said last, and what it is sent. Knows nothing of how that travels."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from engine.gpu.cards import Card
from engine.hosts.base import GPU, UPLOADER, ActivitySample, At, ChildProcess, NotKnownYet
from engine.hosts.wire import (
    SILENT_AFTER_S,
    Able,
    Compared,
    CompareShare,
    Dismiss,
    Ended,
    Held,
    Hello,
    Hire,
    Hired,
    InOrder,
    Joined,
    Keep,
    Kill,
    Leave,
    Leaving,
    Parcel,
    ProcessSample,
    Refuse,
    RemoveAttempt,
    RemoveFile,
    Said,
    Sample,
    Send,
    TrySpace,
    WantsToLeave,
    can_wait,
)
from engine.memory.available import Memory
from engine.messages import KnownStore
from engine.processes.examiner import Shown

_SAYS_SOMETHING_WITHIN_S = 3.0
_CLOCKS = 20
_LONGEST_STEP_S = 2.0
"""In a longer gap between two looks the engine itself was suspended: nobody could hear anything."""

Post = Callable[[object], None]


class RemoteChild:
    """See ChildProcess."""

    def __init__(self, number: int, name: str, post: Post) -> None:
        self.number = number
        self.name = name
        self.pid = 0
        """Until the host has started it."""
        self.killed_at: float | None = None
        self.exit_code: int | None = None
        self.oom_killed = False
        self.sample: ProcessSample | None = None
        self._post = post
        self._said: list[Any] = []

    def send(self, message: object) -> None:
        self._post(Send(self.number, message))

    def messages(self) -> Iterator[Any]:
        while self._said:
            yield self._said.pop(0)

    def hear(self, message: object) -> None:
        self._said.append(message)

    def kill(self) -> None:
        if self.exit_code is None:
            self.killed_at = self.killed_at or time.monotonic()
            self._post(Kill(self.number))

    def close(self, timeout_s: float = 5.0) -> bool:
        self._said.clear()
        self._post(Dismiss(self.number, None, timeout_s))
        return True


class RemoteScratch:
    """See HostScratch. The host makes its directory itself, and says of problems with every sample."""

    def __init__(self, joined: Joined, token: int, post: Post) -> None:
        """`token` is another one each time that the host connects, so that no late file has a present one's name."""
        self.in_memory = joined.in_memory
        self.latest: Sample | None = None
        self._tried = 0
        """How often it was asked whether there is space."""
        self._asks_for_space = False
        self._directory = joined.scratch
        self._token = token
        self._post = post

    def make_directory(self) -> str | None:
        return None

    def jpeg_path(self, image_id: int, attempt: int) -> Path:
        return self._directory / f"{image_id}-{attempt}-{self._token}.jpg"

    def remove(self, path: Path) -> None:
        self._post(RemoveFile(path))

    def remove_attempt(self, image_id: int, attempt: int) -> None:
        self._post(RemoveAttempt(image_id, attempt))

    def removal_problem(self) -> str | None:
        return self.latest.removal_problem if self.latest else None

    def space_problem(self, need_bytes: int) -> str | None:
        if not self._asks_for_space:
            self._asks_for_space = True
            self._tried += 1
            self._post(TrySpace(self._tried, need_bytes))
        if self.latest is None or self.latest.space_tried < self._tried:
            raise NotKnownYet
        self._asks_for_space = False
        return self.latest.space_problem


class RemoteHost:
    """See Host."""

    def __init__(
        self, hello: Hello, incarnation: str, send: Callable[[Parcel], None], wake: Callable[[], None]
    ) -> None:
        """`send` sends a parcel there; `wake` begins the supervisor's next turn."""
        self.hello = hello
        self.name = hello.name
        self.machine = hello.machine
        self.cores = hello.cores
        self.incarnation = incarnation
        self.lost: str | None = None
        self.has_left = False
        self.joined: Joined | None = None
        self.unable: str | None = None
        """Why it can convert nothing."""
        self.wants_to_leave: str | None = None
        """Why it is to get nothing new."""
        self.compared: Compared | None = None
        """What it has found out last of sources and store."""
        self._told = ""
        self._is_parting = False
        self._clocks: deque[float] = deque(maxlen=_CLOCKS)
        self._send, self._wake = send, wake
        self._has_news = False
        self._outbox: list[object] = []
        self._sent = 0
        self._in_order = InOrder()
        self._children: dict[int, RemoteChild] = {}
        self._numbers = count(1)
        self._latest: Sample | None = None
        self._scratch: RemoteScratch | None = None
        self._looked_at = self._heard_at = time.monotonic()

    # -- the connection ----

    def post(self, message: object) -> None:
        """To be sent with the next parcel."""
        self._outbox.append(message)

    def flush(self) -> None:
        """Send what waits, unless all of it can wait longer."""
        if self.lost is None and not all(map(can_wait, self._outbox)):
            parcel = Parcel(self.incarnation, self.next_number(), tuple(self._outbox))
            self._outbox.clear()
            self._send(parcel)

    def next_number(self) -> int:
        """Of the next parcel."""
        self._sent += 1
        return self._sent - 1

    def take(self, parcel: Parcel) -> None:
        """What the host has sent."""
        self._heard_at = self._looked_at
        for message in self._in_order.take(parcel):
            self._hear(message)
        self._has_news = True
        self._wake()

    def look(self, now: float) -> None:
        """Called often: who has been silent for too long is lost."""
        gap, self._looked_at = now - self._looked_at, now
        if gap > _LONGEST_STEP_S:
            self._heard_at += gap
        if self.lost is None and now - self._heard_at > SILENT_AFTER_S:
            self.lost = f"no sign of life for {SILENT_AFTER_S:.0f} s"

    def is_silent(self, now: float) -> bool:
        """For longer than a host that works ever is."""
        return now - self._heard_at > _SAYS_SOMETHING_WITHIN_S

    def _hear(self, message: object) -> None:
        match message:
            case Sample():
                self._take_sample(message)
            case Hired() if message.child in self._children:
                self._children[message.child].pid = message.pid
            case Said() if message.child in self._children:
                self._children[message.child].hear(message.message)
            case Ended() if message.child in self._children:
                child = self._children[message.child]
                child.exit_code, child.oom_killed = message.exit_code, message.oom_killed
            case Joined():
                self.joined, self.unable = message, message.unable
                self._scratch = RemoteScratch(message, int(self.incarnation[:12], 16), self.post)
            case Able():
                self.unable = message.unable
            case Compared():
                self.compared = message
            case WantsToLeave():
                self.wants_to_leave = message.why
            case Leaving():
                self.lost, self.has_left = message.why, True

    def _take_sample(self, sample: Sample) -> None:
        self._latest = sample
        self._clocks.append(sample.clock - time.time())
        if self._scratch is not None:
            self._scratch.latest = sample
        for process in sample.processes:
            if process.child in self._children:
                self._children[process.child].sample = process

    def compare(self, number: int, shown: Shown) -> None:
        """It is to look whether this is what it sees too; `compared` will have this number."""
        self.post(CompareShare(number, shown))

    def tell(self, why: str) -> None:
        """Why it gets no image, or "", for the people there."""
        if why != self._told:
            self._told = why
            self.post(Held(why))

    def keep(self, paths: Sequence[str]) -> None:
        """Of the JPEGs that it has found on its scratch these are wanted, and no others."""
        self.post(Keep(tuple(paths)))

    def part(self, why: str) -> None:
        """It has nothing any more, and may end."""
        if not self._is_parting:
            self._is_parting = True
            self.post(Leave(why))

    def refuse(self, why: str) -> None:
        """It ends, and says so there."""
        self.post(Refuse(why))
        self.flush()

    # -- see Host ----

    @property
    def clock_ahead_s(self) -> float:
        """A sample that was long under way makes it too little: the greatest of some is nearest."""
        return max(self._clocks, default=0.0)

    @property
    def scratch(self) -> RemoteScratch:
        assert self._scratch is not None, "it has not joined yet"
        return self._scratch

    def has_news(self) -> bool:
        news, self._has_news = self._has_news or self.lost is not None, False
        return news

    def memory(self) -> Memory:
        return self._latest.memory if self._latest else self.hello.memory

    def rss_bytes(self, child: ChildProcess) -> int:
        assert isinstance(child, RemoteChild)
        return child.sample.rss_bytes if child.sample and child.exit_code is None else 0

    def activity(self, child: ChildProcess) -> ActivitySample | None:
        assert isinstance(child, RemoteChild)
        return child.sample.activity if child.sample else None

    def hire(self, name: str) -> RemoteChild:
        return self._new(name, None)

    def uploader(self, known: KnownStore) -> RemoteChild:
        return self._new(UPLOADER, known)

    def gpu_decoder(self, card: Card) -> RemoteChild:
        return self._new(GPU, None, card)

    def _new(self, name: str, known: KnownStore | None, card: Card | None = None) -> RemoteChild:
        child = RemoteChild(next(self._numbers), name, self.post)
        self._children[child.number] = child
        self.post(Hire(child.number, name, known, card))
        return child

    def dismiss(self, child: ChildProcess, at: At | None = None, *, after_s: float = 0.0) -> None:
        assert isinstance(child, RemoteChild)
        self._children.pop(child.number, None)
        self.post(Dismiss(child.number, at, after_s))

    def stuck(self, name: str) -> int:
        return sum(1 for one in self._latest.stuck if one.startswith(name)) if self._latest else 0

    @property
    def ended_late(self) -> int:
        return self._latest.ended_late if self._latest else 0

    def look_for_kills(self, now: float) -> None:
        """The host does."""

    def was_oom_killed(self, child: ChildProcess) -> bool:
        assert isinstance(child, RemoteChild)
        return child.oom_killed
