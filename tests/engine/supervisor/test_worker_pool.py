"""When missing workers are started."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from engine.gpu_messages import GpuUse
from engine.memory.admission import OWN_IDLE_WORKER_BYTES
from engine.supervisor.worker_pool import StartThrottle, WorkerPool
from tests.support.fake_hosts import FakeHost, FakeStore

ROOM = 100 * OWN_IDLE_WORKER_BYTES


def workers_to_start(
    throttle: StartThrottle,
    now: float = 0.0,
    *,
    missing: int = 2,
    there: int = 0,
    coming: int = 0,
    cores: int = 8,
    room: int = ROOM,
    holding: bool = False,
) -> int:
    return throttle.workers_to_start(
        now,
        missing=missing,
        there=there,
        coming=coming,
        cores=cores,
        headroom_bytes=room,
        holding=holding,
    )


class TestStartThrottle:
    def test_all_that_are_missing_start_if_there_is_room(self) -> None:
        assert workers_to_start(StartThrottle(), missing=8) == 8
        assert workers_to_start(StartThrottle(), missing=0) == 0
        assert workers_to_start(StartThrottle(), missing=-3) == 0

    def test_none_starts_during_a_hold(self) -> None:
        assert workers_to_start(StartThrottle(), holding=True) == 0

    def test_only_as_many_start_as_there_is_room_for(self) -> None:
        room = 3 * OWN_IDLE_WORKER_BYTES
        assert workers_to_start(StartThrottle(), missing=8, room=room) == 3
        assert workers_to_start(StartThrottle(), missing=8, there=2, coming=2, room=room) == 1
        assert workers_to_start(StartThrottle(), missing=8, there=4, coming=0, room=-1) == 0

    def test_of_many_about_one_for_each_core_loads_at_a_time_so_that_the_loop_answers(self) -> None:
        assert workers_to_start(StartThrottle(), missing=34, cores=1) == 4
        assert workers_to_start(StartThrottle(), missing=34, cores=16) == 16
        assert workers_to_start(StartThrottle(), missing=20, there=14, coming=10, cores=16) == 6
        assert workers_to_start(StartThrottle(), missing=30, there=4, coming=4, cores=2) == 0
        assert workers_to_start(StartThrottle(), missing=30, there=4, coming=0, cores=2) == 4

    def test_one_starts_in_any_case_if_there_is_none(self) -> None:
        assert workers_to_start(StartThrottle(), missing=8, room=-1) == 1

    def test_the_first_that_dies_is_replaced_at_once_and_the_next_later_and_later(self) -> None:
        throttle, now, waits = StartThrottle(), 1000.0, []
        for _ in range(10):
            throttle.idle_worker_died(now, oom_killed=False)
            waits.append(throttle.not_before - now)
            assert waits[-1] == 0.0 or workers_to_start(throttle, now) == 0
            now = throttle.not_before
            assert workers_to_start(throttle, now) == 2
        assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]

    def test_one_that_the_kernel_killed_is_not_replaced_at_once(self) -> None:
        throttle = StartThrottle()
        throttle.idle_worker_died(1000.0, oom_killed=True)
        assert workers_to_start(throttle, 1000.9) == 0 and workers_to_start(throttle, 1001.0) == 2

    def test_a_finished_image_ends_the_wait(self) -> None:
        throttle = StartThrottle()
        for _ in range(6):
            throttle.idle_worker_died(1000.0, oom_killed=True)
        throttle.image_finished()
        assert workers_to_start(throttle, 1000.0) == 2

    def test_deaths_far_apart_have_nothing_to_do_with_each_other(self) -> None:
        throttle = StartThrottle()
        for day in range(10):
            throttle.idle_worker_died(day * 86400.0, oom_killed=False)
            assert workers_to_start(throttle, day * 86400.0) == 2

    def test_kills_at_the_same_time_are_reported_together_and_once(self) -> None:
        throttle = StartThrottle()
        throttle.idle_worker_died(1000.0, oom_killed=True)
        throttle.idle_worker_died(1000.1, oom_killed=True)
        throttle.idle_worker_died(1000.2, oom_killed=False)
        assert throttle.oom_kills_to_report(1001.0) == 0
        assert throttle.oom_kills_to_report(1002.0) == 2
        assert throttle.oom_kills_to_report(1010.0) == 0


def test_extra_workers_stay_as_long_as_they_are_extra() -> None:
    pool = WorkerPool(2, FakeHost("", FakeStore()))
    pool.start(3)
    pool.extra = 1
    pool.retire_surplus()
    assert len(pool.staying) == 3
    pool.extra = 0
    pool.retire_surplus()
    assert len(pool.staying) == 2


def test_a_worker_that_waits_for_a_gpu_hangs_on_no_source_and_has_its_time_afterwards() -> None:
    pool = WorkerPool(1, FakeHost("", FakeStore()))
    pool.start(1)
    (slot,) = pool
    image: Any = SimpleNamespace(source="a.jp2", image_id=1)
    job: Any = SimpleNamespace(plan=None, attempt=1, gpu=GpuUse("\0gpu", False, False))
    slot.assign(job, image, 4.0)
    assert slot.running is not None
    later = time.monotonic() + 5.0
    assert pool.hanging(later, 4.0) == [slot], "it has not read its source"
    assert pool.overdue(later) == []
    slot.running.waits_for_gpu = True
    assert pool.hanging(later + 20.0, 4.0) == []
    assert pool.overdue(later + 20.0) == []
    slot.gpu_has_answered()
    assert pool.hanging(later, 4.0) == pool.overdue(later) == [slot]
    assert pool.overdue(time.monotonic() + 3.0) == []
