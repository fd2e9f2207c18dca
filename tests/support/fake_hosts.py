"""Hosts that do what a test says: their workers convert or die, their uploaders store, and they come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.failures import Cause, Failure, Stage
from engine.gpu.cards import Card
from engine.hosts.base import UPLOADER, ActivitySample, At, ChildProcess
from engine.memory.available import Memory
from engine.messages import (
    Converted,
    Job,
    KnownStore,
    NotConverted,
    ProbeStore,
    Stored,
    StoreProbed,
    StoreRequest,
    WorkerReady,
)

GIB = 1 << 30
JPEG_BYTES = 200
SOURCE_BYTES = 5000
"""As the surveyor has seen them."""
BROKEN = Failure(Cause.CORRUPT, Stage.DECODING, "a block is damaged")


@dataclass
class FakeChild:
    """A process that has been sent messages, and says what a test lets it say."""

    name: str
    pid: int
    killed_at: float | None = None
    exit_code: int | None = None
    sent: list[Any] = field(default_factory=list)
    says: list[Any] = field(default_factory=list)
    is_heard: bool = True

    def send(self, message: object) -> None:
        self.sent.append(message)

    def messages(self) -> Iterator[Any]:
        assert self.is_heard, "nobody listens to a process that was dismissed"
        while self.says:
            yield self.says.pop(0)

    def kill(self) -> None:
        self.exit_code = -9 if self.exit_code is None else self.exit_code

    def close(self, timeout_s: float = 5.0) -> bool:
        self.kill()
        return True


@dataclass
class FakeScratch:
    """Its files are names."""

    directory: Path
    files: set[Path] = field(default_factory=set)
    in_memory: bool = False
    incarnation: int = 1
    """Of its host: part of the names of files, as it is of real ones."""

    def make_directory(self) -> str | None:
        return None

    def jpeg_path(self, image_id: int, attempt: int) -> Path:
        return self.directory / f"{image_id}-{attempt}-{self.incarnation}.jpg"

    def remove(self, path: Path) -> None:
        self.files.discard(path)

    def remove_attempt(self, image_id: int, attempt: int) -> None:
        self.files.discard(self.jpeg_path(image_id, attempt))

    def removal_problem(self) -> str | None:
        return None

    def space_problem(self, need_bytes: int) -> str | None:
        return None


@dataclass
class FakeStore:
    """What all hosts put into: names, and by which host."""

    objects: dict[str, str] = field(default_factory=dict)


class FakeHost:
    cores = 2
    ended_late = 0
    clock_ahead_s = 0.0
    machine = "fake.example"

    def __init__(self, name: str, store: FakeStore, former: FakeHost | None = None) -> None:
        """`former` is the same machine, as it was before it lost its connection."""
        self.name = name
        self.lost: str | None = None
        self.has_left = False
        scratch: FakeScratch = former.scratch if former else FakeScratch(Path(f"/{name}"), incarnation=0)
        self.scratch: FakeScratch = replace(scratch, incarnation=scratch.incarnation + 1)
        self.store = store
        self.children: list[FakeChild] = []

    def has_news(self) -> bool:
        return True

    def memory(self) -> Memory:
        return Memory(64 * GIB, 60 * GIB)

    def rss_bytes(self, child: ChildProcess) -> int:
        return 50 << 20

    def activity(self, child: ChildProcess) -> ActivitySample | None:
        return None

    def hire(self, name: str) -> FakeChild:
        child = self._child(name)
        child.says.append(WorkerReady())
        return child

    def gpu_decoder(self, card: Card) -> FakeChild:
        return self._child(card.name)

    def uploader(self, known: KnownStore) -> FakeChild:
        return self._child(UPLOADER)

    def dismiss(self, child: ChildProcess, at: At | None = None, *, after_s: float = 0.0) -> None:
        assert isinstance(child, FakeChild)
        child.is_heard = False
        self.children.remove(child)

    def stuck(self, name: str) -> int:
        return 0

    def look_for_kills(self, now: float) -> None: ...

    def was_oom_killed(self, child: ChildProcess) -> bool:
        return False

    def _child(self, name: str) -> FakeChild:
        child = FakeChild(name, pid=1000 + len(self.children))
        self.children.append(child)
        return child

    # -- what a test lets happen ----

    def lose(self, why: str) -> None:
        """The connection; its scratch stays."""
        self.lost = f"{self.name}: {why}"

    def leave(self) -> None:
        """Somebody ends it."""
        self.lost, self.has_left = "has left: somebody has ended it", True
        self.scratch.files.clear()

    @property
    def found(self) -> dict[str, int]:
        """What it says of its scratch when it joins."""
        return {str(path): JPEG_BYTES for path in self.scratch.files}

    @property
    def jobs(self) -> list[tuple[FakeChild, Job]]:
        """What workers have and have not answered."""
        return [
            (child, message)
            for child in self.children
            if child.exit_code is None
            for message in child.sent
            if isinstance(message, Job)
        ]

    def convert(self, child: FakeChild, job: Job) -> Converted:
        child.sent.remove(job)
        path = Path(job.scratch_path)
        self.scratch.files.add(path)
        done = Converted(
            job.image_id,
            str(path),
            10,
            10,
            SOURCE_BYTES,
            "md5:aa",
            JPEG_BYTES,
            "bb" * 16,
            45.0,
            (),
            1,
            0.1,
            0.1,
            job.attempt,
        )
        child.says.append(done)
        return done

    def break_image(self, child: FakeChild, job: Job) -> None:
        child.sent.remove(job)
        child.says.append(NotConverted(job.image_id, BROKEN, (), 1, 0.1, 0.1, job.attempt))

    def store_next(self, *, answers: bool = True) -> bool:
        """The uploader takes its next message; False if it has none."""
        for child in self.children:
            for message in list(child.sent):
                if isinstance(message, ProbeStore):
                    child.sent.remove(message)
                    child.says.append(StoreProbed())
                elif isinstance(message, StoreRequest):
                    child.sent.remove(message)
                    self._put(child, message, answers=answers)
                    return True
        return False

    def _put(self, child: FakeChild, request: StoreRequest, *, answers: bool) -> None:
        assert Path(request.scratch_path) in self.scratch.files, "stored from a file that is not there"
        existed = request.target in self.store.objects
        self.store.objects.setdefault(request.target, self.name)
        if answers:
            child.says.append(Stored(request.image_id, existed, 0.1))
