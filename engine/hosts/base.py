"""What the supervisor needs of a host, a machine that converts, and of the processes that it starts there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from engine.config.cluster_extra import HERE as HERE  # of the machine whose name is empty
from engine.gpu.cards import Card
from engine.memory.available import Memory
from engine.messages import KnownStore
from engine.processes.child import describe_exit

WORKER = "photostat-worker"
UPLOADER = "photostat-uploader"
GPU = "photostat-gpu"
DIES_WITHIN_S = 5.0
"""After SIGKILL. A process with much memory takes a second or two."""
HAS_LEFT = "has left: "
"""So begins why a host goes that somebody ends, or that has nothing any more and is to go."""


class At(Struct, frozen=True):
    """What a process is at."""

    path: str = ""
    image_id: int | None = None
    image: str = ""
    """The target."""


class ActivitySample(Struct, frozen=True):
    """What a process has done so far; if two samples are equal, it did nothing in between."""

    processor_ticks: int
    bytes_moved: int
    is_suspended: bool
    """By a signal (SIGSTOP) or a debugger: that is somebody's doing, and no read that hangs."""


class ChildProcess(Protocol):
    """A worker or an uploader; the messages are those of `engine.messages`.

    It wakes the supervisor's loop when it has sent something, or has ended."""

    name: str
    killed_at: float | None
    """Monotonic, s. A process that the kernel keeps in a read or a write that never ends outlives it."""

    @property
    def pid(self) -> int:
        """Its number on its host."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it."""

    def send(self, message: object) -> None:
        """Never waits and never fails: that a process has ended shows in `exit_code`."""

    def messages(self) -> Iterator[Any]:
        """What it has sent so far, without waiting; also the last messages of one that has ended."""

    def kill(self) -> None:
        """SIGKILL, if it still runs."""

    def close(self, timeout_s: float = 5.0) -> bool:
        """Nothing more is heard of it; it is killed if it does not end in time. False if no signal ends it."""


class NotKnownYet(Exception):
    """Another machine has been asked, and has not answered."""


class HostScratch(Protocol):
    """Where the host's JPEGs wait for the store."""

    @property
    def in_memory(self) -> bool | None:
        """Whether files there are in memory (tmpfs), so that they save none; None while nobody knows."""

    def make_directory(self) -> str | None:
        """Before files are written there. Returns why that is not possible now."""

    def jpeg_path(self, image_id: int, attempt: int) -> Path:
        """Where this attempt's JPEG will be, on the host."""

    def remove(self, path: Path) -> None:
        """Now, or later if the disk does not allow it now."""

    def remove_attempt(self, image_id: int, attempt: int) -> None:
        """Remove whatever a worker left of this attempt."""

    def removal_problem(self) -> str | None:
        """Why files that are not needed any more are still there, after another attempt; None if there are none."""

    def space_problem(self, need_bytes: int) -> str | None:
        """Why so many bytes cannot be written there now; None if they can. Raises NotKnownYet: ask again later."""


class Host(Protocol):
    """A machine, its processes that convert and store, its memory and its scratch. Times are monotonic, s."""

    @property
    def name(self) -> str:
        """Empty for the engine's own machine."""

    @property
    def lost(self) -> str | None:
        """Why it is not there any more, in one line; None while it is."""

    @property
    def machine(self) -> str:
        """What the machine calls itself in its network."""

    @property
    def clock_ahead_s(self) -> float:
        """By how much its clock is ahead of the engine's; 0 for the engine's own machine."""

    @property
    def has_left(self) -> bool:
        """Of one that is lost: it has said goodbye, and left nothing on its scratch."""

    @property
    def cores(self) -> int: ...

    @property
    def scratch(self) -> HostScratch: ...

    def has_news(self) -> bool:
        """Whether its processes may have said something since this was last asked, or it is lost."""

    def memory(self) -> Memory:
        """As it is now, within every limit that applies there."""

    def rss_bytes(self, child: ChildProcess) -> int:
        """Its resident set; 0 if it is gone."""

    def activity(self, child: ChildProcess) -> ActivitySample | None:
        """None if the system does not tell, or the process is gone."""

    def hire(self, name: str) -> ChildProcess:
        """A new worker."""

    def gpu_decoder(self, card: Card) -> ChildProcess:
        """A new decoding process of this GPU."""

    def uploader(self, known: KnownStore) -> ChildProcess:
        """A new uploader, which is told what the ledger expects of the store."""

    def dismiss(self, child: ChildProcess, at: At | None = None, *, after_s: float = 0.0) -> None:
        """Want no more of it: whatever it still does is not heard. It is killed unless it ends within `after_s`."""

    def stuck(self, name: str) -> int:
        """How many processes whose names begin so have been killed and have not ended."""

    @property
    def ended_late(self) -> int:
        """How many processes that no signal ended have ended since: what they waited for has answered."""

    def look_for_kills(self, now: float) -> None:
        """At every turn of the loop: note how many processes the kernel has killed for memory so far."""

    def was_oom_killed(self, child: ChildProcess) -> bool:
        """Whether the kernel killed this one, which has ended, for memory."""


def does_not_end(child: ChildProcess, now: float) -> bool:
    """Whether it was killed so long ago that no signal will end it."""
    return child.killed_at is not None and now - child.killed_at > DIES_WITHIN_S


def describe_end(host: Host, child: ChildProcess) -> str:
    """How a process of this host ended, to follow its name: `was killed by the kernel for memory`."""
    return (
        "was killed by the kernel for memory"
        if host.was_oom_killed(child)
        else describe_exit(child.exit_code)
    )
