"""The workers: which image each of them has and until when, who leaves, and when missing ones are started."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from msgspec import Struct

from engine.control.process_snapshots import WorkerSnapshot
from engine.failures import Stage
from engine.gpu_messages import GpuAnswered, GpuAsked, GpuUse
from engine.hosts.activity import Activity
from engine.hosts.base import WORKER, ChildProcess, Host, does_not_end
from engine.ledger.models import PendingImage
from engine.memory.admission import OWN_IDLE_WORKER_BYTES
from engine.messages import Converted, DecodeMode, Job, NotConverted, Plan, Quit, ReadAhead
from engine.supervisor.durations import ExpectedDuration
from engine.supervisor.set_aside import SetAside

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_UNRELATED_AFTER_S = 300.0
"""Idle workers that die so far apart do not die for the same reason."""
_LOADING_AT_ONCE = 4
"""Workers at least, also on one core, that load their libraries at the same time. One takes about half a CPU second for
that: dozens together would keep the loop, which starts them one after another, from its clients for many seconds."""
_REPORTED_TOGETHER_S = 2.0
"""Workers that the kernel kills within so short a time are reported as one event."""


_GPU_WAIT_S = 60.0
"""Beside the time for an image: as long as workers wait for a GPU's process, and a look at whether it is at work."""


class RunningAttempt(Struct):
    """An image in a worker. Times are monotonic, s."""

    image: PendingImage
    plan: Plan
    number: int
    """Of this attempt."""
    started: float
    deadline: float
    started_at: float
    """Unix time, s."""
    expected: ExpectedDuration | None = None
    """None while nobody can know how long it takes."""
    set_aside: SetAside | None = None
    """A person has ended it."""
    preempted: bool = False
    """The engine itself stopped the worker to get its memory back."""
    timed_out: bool = False
    gpu: GpuUse | None = None
    gpu_answered: bool = False
    """It waits for the GPU no longer."""
    waits_for_gpu: bool = False
    """And has read its source."""
    limit_s: float = 0.0
    """From when the worker has its pixels, or must decode it itself."""

    @property
    def by_gpu(self) -> bool:
        """Whether a GPU is to decode it alone."""
        return self.gpu is not None and not self.gpu.compare

    @property
    def megasamples(self) -> float:
        return self.image.megapixels * max(self.image.surveyed.components, 1)


class Slot(Struct):
    """A worker and the image that it has."""

    number: int
    child: ChildProcess
    activity: Activity
    stage: Stage = Stage.IDLE
    ready: bool = False
    """Its libraries are loaded, and it takes images."""
    running: RunningAttempt | None = None
    rss_bytes: int = 0
    retiring: bool = False
    """It ends after its image, and gets no other."""
    read_ahead_path: str = ""
    """What it was last told to read ahead."""

    @property
    def free(self) -> bool:
        return self.ready and self.running is None and not self.retiring

    def has(self, result: Converted | NotConverted | GpuAsked | GpuAnswered) -> bool:
        """Whether this is about the attempt that it has."""
        running = self.running
        return running is not None and (result.image_id, result.attempt) == (
            running.image.image_id,
            running.number,
        )

    def assign(self, job: Job, image: PendingImage, timeout_s: float) -> None:
        now = time.monotonic()
        deadline = now + timeout_s + (_GPU_WAIT_S if job.gpu is not None else 0.0)
        self.running = RunningAttempt(
            image, job.plan, job.attempt, now, deadline, time.time(), gpu=job.gpu, limit_s=timeout_s
        )
        self.stage = Stage.READING
        self.activity.begins(now)
        self.child.send(job)

    def gpu_has_answered(self) -> None:
        """Or has been given up. The time for the image begins now: what was waited for is not the image's fault."""
        assert self.running is not None
        now = time.monotonic()
        self.running.gpu_answered, self.running.waits_for_gpu = True, False
        self.running.deadline = now + self.running.limit_s
        self.activity.begins(now)

    def release(self) -> RunningAttempt:
        """The worker is free again; returns what it had."""
        assert self.running is not None
        running, self.running, self.stage = self.running, None, Stage.IDLE
        self.activity.begins(time.monotonic())
        return running

    def read_ahead(self, image: PendingImage) -> None:
        self.read_ahead_path = image.source
        self.child.send(ReadAhead(image.source))

    def retire(self) -> None:
        self.retiring = True
        self.activity.begins(time.monotonic())
        self.child.send(Quit())

    def snapshot(self, now: float, host: str) -> WorkerSnapshot:
        running = self.running
        expected = running.expected if running else None
        return WorkerSnapshot(
            slot=self.number,
            pid=self.child.pid,
            phase=self.stage if running else Stage.IDLE,
            image_id=running.image.image_id if running else None,
            image=running.image.target.rsplit("/", 1)[-1] if running else "",
            megapixels=running.image.megapixels if running else None,
            seconds=now - running.started if running else None,
            rss_bytes=self.rss_bytes or None,
            predicted_bytes=(running.plan.predicted_bytes or None) if running else None,
            threads=running.plan.threads if running else 1,
            started=running.started_at if running else None,
            predicted_seconds=expected.seconds if expected else None,
            overdue=bool(running and expected and now - running.started > expected.overdue_after_s),
            quiet_seconds=self.activity.quiet_s(now) if running else None,
            host=host,
        )


class WorkerPool:
    """The workers that there are, and how many are wanted."""

    def __init__(self, wanted: int, host: Host) -> None:
        self.wanted = wanted
        self.extra = 0
        """More than that, while some wait for a GPU."""
        self._host = host
        self._slots: dict[int, Slot] = {}

    def __iter__(self) -> Iterator[Slot]:
        """In the order of their numbers."""
        return iter([self._slots[number] for number in sorted(self._slots)])

    @property
    def staying(self) -> list[Slot]:
        return [slot for slot in self if not slot.retiring]

    @property
    def running(self) -> list[RunningAttempt]:
        return [slot.running for slot in self if slot.running is not None]

    @property
    def free(self) -> list[Slot]:
        return [slot for slot in self if slot.free]

    def set_aside(self, now: float, after_s: float) -> list[Slot]:
        """Those whose image a person has taken away so long ago, and which have not ended."""
        return [
            slot
            for slot in self
            if slot.running is not None
            and slot.running.set_aside is not None
            and slot.child.killed_at is not None
            and now - slot.child.killed_at > after_s
        ]

    def hanging(self, now: float, after_s: float) -> list[Slot]:
        """Those that have done nothing for so long, though they have an image, are to end, or have been killed."""
        return [
            slot
            for slot in self
            if does_not_end(slot.child, now)
            or (
                slot.running is not None
                and slot.running.set_aside is None
                and not slot.running.waits_for_gpu
                and slot.activity.quiet_s(now) >= _patience_s(slot.running, now, after_s)
            )
            or (slot.retiring and slot.running is None and slot.activity.quiet_s(now) >= after_s)
        ]

    def overdue(self, now: float) -> list[Slot]:
        return [slot for slot in self if slot.running is not None and now > slot.running.deadline]

    def start(self, count: int) -> None:
        """Start so many new workers."""
        for _ in range(count):
            number = next(n for n in range(1, len(self._slots) + 2) if n not in self._slots)
            child = self._host.hire(f"{WORKER}-{number}")
            activity = Activity(partial(self._host.activity, child), time.monotonic())
            self._slots[number] = Slot(number, child, activity)

    def retire_surplus(self) -> None:
        """Free workers end first, the others after their image."""
        staying = self.staying
        for slot in sorted(staying, key=lambda s: (s.running is not None, -s.number)):
            if len(staying) <= self.wanted + self.extra:
                break
            slot.retire()
            staying.remove(slot)

    def remove(self, slot: Slot) -> None:
        """It is not one of ours any more; its process is the caller's to end."""
        del self._slots[slot.number]


class StartThrottle(Struct):
    """When missing workers are started: not while memory is short, and later and later while idle ones keep dying.

    Times are monotonic, s."""

    deaths: int = 0
    """Of idle workers, since a worker last finished an image."""
    died_at: float = float("-inf")
    not_before: float = float("-inf")
    _oom_killed: int = 0
    """Not reported yet."""
    _oom_killed_since: float = 0.0

    def image_finished(self) -> None:
        """A worker has finished an image, so workers can run here."""
        self.deaths, self.not_before = 0, float("-inf")

    def idle_worker_died(self, now: float, *, oom_killed: bool) -> None:
        """The first one is replaced at once, unless the kernel killed it for memory."""
        if now - self.died_at > _UNRELATED_AFTER_S:
            self.deaths = 0
        if oom_killed:
            self._oom_killed_since = self._oom_killed_since if self._oom_killed else now
            self._oom_killed += 1
        self.deaths, self.died_at = self.deaths + 1, now
        doublings = self.deaths - (1 if oom_killed else 2)
        wait_s = 0.0 if doublings < 0 else min(_FIRST_WAIT_S * 2.0 ** min(doublings, 10), _LONGEST_WAIT_S)
        self.not_before = max(self.not_before, now + wait_s)

    def workers_to_start(
        self,
        now: float,
        *,
        missing: int,
        there: int,
        coming: int,
        cores: int,
        headroom_bytes: int,
        holding: bool,
    ) -> int:
        """How many of the `missing` workers to start now, beside those `there`, some of which are not ready yet
        (`coming`).

        As many as fit in the headroom, and about one for each core while they load. If there is no worker at all,
        one in any case, because only an image that is tried shows what it waits for."""
        if holding or now < self.not_before:
            return 0
        room = headroom_bytes // OWN_IDLE_WORKER_BYTES - coming
        loading = max(cores, _LOADING_AT_ONCE) - coming
        return max(0, min(missing, loading, max(room, 0 if there else 1)))

    def oom_kills_to_report(self, now: float) -> int:
        """How many idle workers the kernel has killed since the last report; 0 while more may follow."""
        if not self._oom_killed or now - self._oom_killed_since < _REPORTED_TOGETHER_S:
            return 0
        killed, self._oom_killed = self._oom_killed, 0
        return killed


def _patience_s(running: RunningAttempt, now: float, after_s: float) -> float:
    """One whose time is over has taken too long, unless it did nothing for most of it."""
    return (
        min(after_s, max(1.5, (running.deadline - running.started) / 2))
        if now > running.deadline
        else after_s
    )


def time_limit_s(image: PendingImage, plan: Plan) -> float:
    """A generous limit: forty times what a lossless image takes on an idle core, and time for a slow share.

    OpenJPEG needs about 0.2 CPU s a megapixel of lossless RGB (39 megapixels in 7.7 s, measured), in strips up to twice
    that. Reading may be as slow as 1 MB/s."""
    rgb_megapixels = image.megapixels * max(image.surveyed.components, 1) / 3
    slower = 2.0 if plan.mode is DecodeMode.STRIPS else 1.0
    return 120.0 + 8.0 * rgb_megapixels * slower + image.source_bytes / 1e6
