"""GPU and cores share the work: each image goes where it is decoded first, in a simulated run with a clock."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gpu.split import (
    ASSUMED_MEGAPIXELS_PER_S,
    GpuQueue,
    core_seconds,
    extra_workers,
    first_to_decode,
    measured_rate,
)

HOST_S_PER_MEGAPIXEL = 0.025
"""Validating, encoding and verifying: 0.3 s for 12 megapixels."""
CORE_S_PER_MEGAPIXEL = 0.17

Choose = Callable[[float, float], bool]
"""Whether the GPU gets an image of so many megapixels, when so many wait there."""


def by_split(rate: float) -> Choose:
    def choose(megapixels: float, waiting: float) -> bool:
        core_s = core_seconds(3 * megapixels, None)
        return first_to_decode([GpuQueue(rate, waiting)], megapixels, core_s) is not None

    return choose


@dataclass
class Simulation:
    """Workers take images in order; a core does one thing at a time, and so does the GPU."""

    cores: int
    workers: int
    rate: float
    """Of the GPU, megapixels a second; an image takes 5 ms more."""
    choose: Choose
    now: float = 0.0
    gpu_busy_s: float = 0.0
    gpu_idle_and_avoided: int = 0
    """Images that were given to a core though the GPU had nothing to do and would have been quicker."""
    by_gpu: int = 0
    waited_s: list[float] = field(default_factory=list)

    def run(self, images: Sequence[float]) -> float:
        """How long it takes, s."""
        left, free = list(reversed(images)), self.workers
        core_free_at = [0.0] * self.cores
        gpu_free_at, ends = 0.0, list[float]()
        at_gpu: list[tuple[float, float]] = []
        while left or ends:
            if not left or not free:
                self.now = heapq.heappop(ends)
                free += 1
                continue
            free -= 1
            size = left.pop()
            at_gpu = [(until, pixels) for until, pixels in at_gpu if until > self.now]
            ready = self.now
            if self.choose(size, sum(pixels for _, pixels in at_gpu)):
                took = size / self.rate + 0.005
                gpu_free_at = max(gpu_free_at, self.now) + took
                at_gpu.append((gpu_free_at, size))
                self.gpu_busy_s, self.by_gpu, ready = self.gpu_busy_s + took, self.by_gpu + 1, gpu_free_at
                need = HOST_S_PER_MEGAPIXEL * size
            else:
                need = (HOST_S_PER_MEGAPIXEL + CORE_S_PER_MEGAPIXEL) * size
                self.gpu_idle_and_avoided += not at_gpu and size / self.rate < CORE_S_PER_MEGAPIXEL * size
            self.waited_s.append(ready - self.now)
            core = min(range(self.cores), key=core_free_at.__getitem__)
            core_free_at[core] = max(core_free_at[core], ready) + need
            heapq.heappush(ends, core_free_at[core])
        return self.now


def collection(seed: int, count: int = 120) -> list[float]:
    luck = random.Random(seed)
    return sorted((luck.choice((1.0, 12.0, 12.0, 39.0, 150.0)) for _ in range(count)), reverse=True)


@pytest.mark.parametrize("cores", [2, 16, 64])
@pytest.mark.parametrize("rate", [60.0, 450.0, 800.0])
def test_the_split_is_as_quick_as_the_better_of_both_ways(cores: int, rate: float) -> None:
    images = collection(cores)

    def took(choose: Choose) -> float:
        return Simulation(cores, cores, rate, choose).run(images)

    split, gpu_alone, cores_alone = took(by_split(rate)), took(lambda *_: True), took(lambda *_: False)
    longest_s = max(images) * (CORE_S_PER_MEGAPIXEL + HOST_S_PER_MEGAPIXEL)
    assert split <= 1.05 * min(gpu_alone, cores_alone) + longest_s / 4


def test_the_gpu_is_never_idle_while_it_is_the_faster_way() -> None:
    for cores, rate in ((2, 60.0), (16, 450.0), (64, 200.0)):
        run = Simulation(cores, cores, rate, by_split(rate))
        run.run(collection(3))
        assert run.gpu_idle_and_avoided == 0


def test_cores_go_on_beside_a_gpu_that_is_the_limit() -> None:
    images = [12.0] * 300
    workers = 16 + extra_workers(16, wall_s=2.3, cpu_s=0.3)
    shared = Simulation(16, workers, 30.0, by_split(30.0))
    took = shared.run(images)
    assert 0 < shared.by_gpu < len(images), "both have their part"
    assert shared.gpu_busy_s > 0.9 * took, "the GPU has no pause"
    assert took < 0.5 * Simulation(16, workers, 30.0, lambda *_: True).run(images)
    assert took < 0.85 * Simulation(16, workers, 30.0, lambda *_: False).run(images)


def test_more_workers_than_cores_keep_the_cores_busy_while_some_wait_for_the_gpu() -> None:
    images = [12.0] * 400
    few = Simulation(16, 16, 100.0, by_split(100.0))
    few_took = few.run(images)
    waiting_s = sum(few.waited_s) / len(images)
    extra = extra_workers(16, wall_s=0.3 + waiting_s, cpu_s=0.3)
    assert 0 < extra <= 16
    assert Simulation(16, 16 + extra, 100.0, by_split(100.0)).run(images) <= few_took
    assert extra_workers(16, wall_s=0.3, cpu_s=0.3) == 0
    assert extra_workers(16, wall_s=30.0, cpu_s=0.3) == 16
    assert extra_workers(16, 0.0, 0.0) == 0


@given(
    st.lists(st.builds(GpuQueue, st.floats(10, 1000), st.floats(0, 5000)), max_size=4),
    st.floats(0.1, 600),
    st.floats(0.01, 200),
)
def test_an_image_goes_where_it_is_decoded_first(
    gpus: list[GpuQueue], megapixels: float, core_s: float
) -> None:
    chosen = first_to_decode(gpus, megapixels, core_s)
    seconds = [gpu.seconds_for(megapixels) for gpu in gpus]
    if chosen is None:
        assert all(each > core_s for each in seconds)
    else:
        assert seconds[chosen] == min(seconds)
        assert seconds[chosen] <= core_s


def test_rates_are_assumed_until_they_are_measured() -> None:
    assert measured_rate(12.0, 30.0) == ASSUMED_MEGAPIXELS_PER_S, "the first image allocates"
    assert measured_rate(600.0, 2.0) == 300.0
    assert core_seconds(100.0, None) == pytest.approx(5.7)
    assert core_seconds(100.0, 10.0) == pytest.approx(8.7)
