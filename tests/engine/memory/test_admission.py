"""Admission: never over-committed, never starved, always progress; holds, stops and decoding threads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from engine.failures import Cause
from engine.memory.admission import MAY_BE_PASSED_S, STUCK_LIMIT_S, affordable_workers, decide
from engine.memory.admission_types import (
    AdmissionCandidate,
    AdmissionInput,
    AdmissionState,
    Decision,
    RunningImage,
)
from engine.memory.floor_hold import HOLD_RELEASE_S, STOP_INTERVAL_S
from engine.memory.prediction import DoesNotFit, choose_plan, predict
from engine.messages import DecodeMode, Plan, Surveyed
from tests.support.simulated_run import GIB, IDLE_WORKER, MIB, Run, core_seconds, image

FLOOR = 410 * MIB


def inputs(
    *images: Surveyed,
    available: int = 4 * GIB - 200 * MIB,
    running: tuple[RunningImage, ...] = (),
    slots: int = 2,
    now: float = 1000.0,
    cores: int = 2,
) -> AdmissionInput:
    return AdmissionInput(
        now=now,
        total_bytes=4 * GIB,
        available_bytes=available,
        floor_bytes=FLOOR,
        running=running,
        candidates=[AdmissionCandidate(facts.image_id, facts) for facts in images],
        idle_rss_bytes=[IDLE_WORKER] * slots,
        cores=cores,
    )


def started(decision: Decision) -> list[int]:
    return [start.image_id for start in decision.starts]


def rigid(image_id: int, need_bytes: int) -> Surveyed:
    """An image that can be decoded one way only (where scratch saves no memory), which needs just about this."""
    facts = image(image_id, 1)
    while predict(facts, Plan(DecodeMode.TILES)) < need_bytes:
        side = facts.width + 64
        facts = structs.replace(facts, width=side, height=side, tile_width=side, tile_height=side // 2)
    return facts


images = st.builds(
    image,
    image_id=st.integers(1, 10**6),
    megapixels=st.floats(0.01, 400),
    tiled=st.booleans(),
    components=st.sampled_from([1, 3, 4]),
)
image_lists = st.lists(images, max_size=30, unique_by=lambda facts: facts.image_id)
runnings = st.builds(
    RunningImage,
    image_id=st.integers(10**7, 10**8),
    promised_bytes=st.integers(100 * MIB, 3 * GIB),
    rss_bytes=st.integers(IDLE_WORKER, 3 * GIB),
    started=st.floats(0, 1000),
    threads=st.integers(1, 4),
)
any_inputs = st.builds(
    lambda waiting, available, running, slots, cores: inputs(
        *waiting, available=available, running=tuple(running), slots=slots, cores=cores
    ),
    image_lists,
    st.integers(0, 4 * GIB),
    st.lists(runnings, max_size=6, unique_by=lambda r: r.image_id),
    st.integers(0, 12),
    st.integers(1, 16),
)
states = st.builds(
    AdmissionState,
    holding_since=st.none() | st.floats(0, 1000),
    room_since=st.none() | st.floats(0, 1000),
    passed_id=st.none() | st.integers(1, 10**6),
    passed_since=st.floats(0, 1000),
)


def test_memory_for_a_gpu_is_promised_where_there_is_room_and_costs_no_other_way() -> None:
    facts = image(1, 40)
    plain = choose_plan(facts, 4 * GIB)
    assert isinstance(plain, Plan)
    shared = 120 * MIB

    def plan_with(room: int) -> Plan:
        now = inputs(facts, available=FLOOR + room - IDLE_WORKER, slots=1, cores=1)
        candidates = [AdmissionCandidate(1, facts, shareable_bytes=shared)]
        (start,) = decide(structs.replace(now, candidates=candidates), AdmissionState()).starts
        return start.plan

    need = plain.predicted_bytes
    assert plan_with(need + shared) == structs.replace(
        plain, predicted_bytes=need + shared, shared_bytes=shared
    )
    assert plan_with(need + shared - MIB) == plain


def test_a_quarter_of_the_memory_at_most_is_pinned_for_gpus_all_images_together() -> None:
    facts = image(1, 10)
    running = RunningImage(9, 300 * MIB, 300 * MIB, started=0.0, shared_bytes=GIB - 250 * MIB)
    now = structs.replace(inputs(running=(running,), slots=4), cores=4)
    candidates = [AdmissionCandidate(number, facts, shareable_bytes=100 * MIB) for number in (1, 2, 3)]
    starts = decide(structs.replace(now, candidates=candidates), AdmissionState()).starts
    assert [start.plan.shared_bytes for start in starts] == [100 * MIB, 100 * MIB, 0]
    assert {start.plan.mode for start in starts} == {DecodeMode.WHOLE}


class TestOneDecision:
    @given(any_inputs, states)
    def test_what_starts_fits_in_the_headroom(self, now: AdmissionInput, state: AdmissionState) -> None:
        decision = decide(now, state)
        promised = sum(max(0, start.plan.predicted_bytes - IDLE_WORKER) for start in decision.starts)
        assert promised <= max(0, now.headroom_bytes)

    @given(any_inputs, states)
    def test_nothing_starts_below_the_floor(self, now: AdmissionInput, state: AdmissionState) -> None:
        decision = decide(now, state)
        if now.available_bytes < now.floor_bytes:
            assert not decision.starts
            assert decision.hold is not None

    @given(any_inputs, states)
    def test_each_start_has_a_slot_of_its_own(self, now: AdmissionInput, state: AdmissionState) -> None:
        ids = started(decide(now, state))
        assert len(ids) == len(set(ids)) <= len(now.idle_rss_bytes)
        assert set(ids) <= {candidate.image_id for candidate in now.candidates}

    @given(any_inputs, states)
    def test_an_idle_machine_starts_something_that_fits(
        self, now: AdmissionInput, state: AdmissionState
    ) -> None:
        idle = structs.replace(now, running=())
        decision = decide(idle, state)
        room = idle.obtainable_bytes
        fits = [c for c in idle.candidates if not isinstance(choose_plan(c.facts, room), DoesNotFit)]
        if fits and idle.idle_rss_bytes and decision.hold is None:
            assert decision.starts

    @given(any_inputs, states)
    def test_threads_are_cores_that_nothing_else_uses(
        self, now: AdmissionInput, state: AdmissionState
    ) -> None:
        starts = decide(now, state).starts
        extra = sum(start.plan.threads - 1 for start in starts)
        others = sum(running.threads for running in now.running) + len(starts)
        assert extra <= max(0, now.cores - others)

    @given(any_inputs, states)
    def test_only_below_half_the_floor_is_one_stopped(
        self, now: AdmissionInput, state: AdmissionState
    ) -> None:
        stop = decide(now, state).stop
        if stop is not None:
            assert now.available_bytes < now.floor_bytes // 2
            assert stop in {running.image_id for running in now.running}

    @given(any_inputs, states)
    def test_an_image_never_fits_only_if_the_empty_machine_has_no_room_for_it(
        self, now: AdmissionInput, state: AdmissionState
    ) -> None:
        for never_fits in decide(now, state).never_fits:
            assert never_fits.needed_bytes > now.capacity_bytes

    @given(any_inputs, states)
    def test_the_same_question_has_the_same_answer(self, now: AdmissionInput, state: AdmissionState) -> None:
        assert decide(now, state) == decide(now, state)


class TestWholeRuns:
    @given(image_lists, st.integers(1, 8))
    @settings(max_examples=40, deadline=None)
    def test_every_image_is_done_and_the_floor_is_kept(self, collection: list[Surveyed], cores: int) -> None:
        run = Run(cores=cores)
        run.all_of(collection)
        assert run.least_available >= run.floor_bytes
        assert not run.stopped
        assert all(
            i.needed_bytes > run.total_bytes - run.floor_bytes - cores * IDLE_WORKER for i in run.never_fits
        )

    @given(image_lists, st.integers(0, 3000), st.integers(0, 10**6))
    @settings(max_examples=40, deadline=None)
    def test_beside_a_greedy_program_every_image_is_done_in_the_end(
        self, collection: list[Surveyed], megabytes: int, seed: int
    ) -> None:
        """It comes and goes for half an hour, then leaves."""

        def others(now: float) -> int:
            return megabytes * MIB if now < 1800 and (int(now / 40) * 7919 + seed) % 3 == 0 else 0

        run = Run(others=others)
        run.all_of([facts for facts in collection if facts.width < 15_000])
        assert not run.never_fits

    @given(image_lists, st.floats(1.0, 2.0))
    @settings(max_examples=30, deadline=None)
    def test_images_that_take_more_than_promised_still_come_to_an_end(
        self, collection: list[Surveyed], factor: float
    ) -> None:
        run = Run(truth=lambda facts, plan: int(predict(facts, plan) * factor))
        run.all_of(collection)
        assert len(run.done) + len(run.never_fits) == len(collection)

    def test_a_large_image_does_not_starve_among_small_ones(self) -> None:
        """Small images without end fill the memory; the large one must start within the bounded wait."""
        run = Run(cores=8, disk_saves_memory=False)
        large, next_id = rigid(1, 3 * GIB), 2
        sizes = [rigid(2, need * MIB) for need in (300, 400, 500, 700)]
        smalls: list[Surveyed] = []
        while 1 not in run.started:
            smalls = [facts for facts in smalls if facts.image_id not in run.started]
            while len(smalls) < 20:
                smalls.append(structs.replace(sizes[next_id % 4], image_id=next_id))
                next_id += 1
            run.step(smalls if run.now < 10 else [large, *smalls])
            assert run.now < 10 + MAY_BE_PASSED_S + 2 * core_seconds(sizes[-1])
        assert run.started[1] >= 10 + MAY_BE_PASSED_S, "small ones pass for a while"

    @pytest.mark.parametrize("cores", [2, 4])
    def test_the_forty_images_of_the_bench_keep_the_cores_busy_on_4_gib(self, cores: int) -> None:
        run = Run(cores=cores)
        run.all_of([image(n, 4 * 75 ** (n / 39), tiled=n % 2 == 1) for n in range(40)])
        assert not run.never_fits and not run.stopped
        assert run.least_available >= run.floor_bytes
        assert run.busy_core_s / (run.now * cores) > 0.85

    def test_memory_that_admits_few_images_keeps_the_cores_busy(self) -> None:
        run = Run(cores=4)
        collection = [image(n, 150) for n in range(1, 9)]
        run.all_of(collection)
        assert run.busy_core_s / (run.now * run.cores) > 0.85


class TestRoom:
    @property
    def large_and_small(self) -> AdmissionInput:
        """The large one fits as soon as what runs has ended."""
        busy = RunningImage(99, 2 * GIB, 2 * GIB, 990.0)
        waiting = rigid(1, 2 * GIB), rigid(2, 200 * MIB)
        now = inputs(*waiting, available=FLOOR + GIB, running=(busy,), slots=1)
        return structs.replace(now, disk_saves_memory=False)

    def test_the_largest_first_and_small_ones_pass_what_does_not_fit(self) -> None:
        decision = decide(self.large_and_small, AdmissionState())
        assert started(decision) == [2]
        assert decision.state.passed_id == 1

    def test_after_the_bounded_wait_room_is_kept_for_the_one_that_waits(self) -> None:
        now = self.large_and_small
        assert started(
            decide(now, AdmissionState(passed_id=1, passed_since=now.now - MAY_BE_PASSED_S + 1))
        ) == [2]
        assert started(decide(now, AdmissionState(passed_id=1, passed_since=now.now - MAY_BE_PASSED_S))) == []

    def test_no_room_is_kept_for_what_could_not_start_anyway(self) -> None:
        """Another program has the memory: waiting for our own images to end would not help."""
        busy = RunningImage(99, 300 * MIB, 300 * MIB, 990.0)
        now = inputs(image(1, 900), image(2, 4), available=900 * MIB, running=(busy,), slots=1)
        waiting = AdmissionState(passed_id=1, passed_since=now.now - MAY_BE_PASSED_S)
        assert started(decide(now, waiting)) == [2]

    def test_what_running_images_have_not_taken_yet_is_theirs(self) -> None:
        promised = RunningImage(99, 3 * GIB, 100 * MIB, 999.0)
        now = structs.replace(inputs(rigid(1, GIB), running=(promised,), slots=1), disk_saves_memory=False)
        assert started(decide(now, AdmissionState())) == []
        taken = structs.replace(now, running=[structs.replace(promised, promised_bytes=200 * MIB)])
        assert started(decide(taken, AdmissionState())) == [1]

    def test_too_large_whole_goes_in_strips(self) -> None:
        decision = decide(inputs(image(1, 350)), AdmissionState())
        assert decision.starts[0].plan.mode is DecodeMode.STRIPS

    def test_in_strips_beside_another_rather_than_waiting_for_it(self) -> None:
        busy = RunningImage(99, 900 * MIB, 900 * MIB, 990.0)
        facts = image(1, 150)
        too_little = FLOOR + predict(facts, Plan(DecodeMode.WHOLE)) - 100 * MIB
        now = inputs(facts, available=too_little, running=(busy,), slots=1)
        assert decide(now, AdmissionState()).starts[0].plan.mode is DecodeMode.STRIPS

    def test_an_image_whose_worker_was_killed_for_memory_runs_alone(self) -> None:
        alone = AdmissionCandidate(1, image(1, 10), alone=True)
        beside = AdmissionCandidate(2, image(2, 10))
        busy = RunningImage(99, 100 * MIB, 100 * MIB, 990.0)
        quiet = structs.replace(inputs(slots=2), candidates=[alone, beside])
        busy_alone = structs.replace(busy, alone=True)
        assert started(decide(structs.replace(quiet, running=[busy_alone]), AdmissionState())) == []
        assert started(decide(structs.replace(quiet, running=[busy]), AdmissionState())) == [2]
        assert (
            started(
                decide(structs.replace(quiet, running=[structs.replace(busy, alone=True)]), AdmissionState())
            )
            == []
        )

    def test_one_that_must_run_alone_does_not_starve(self) -> None:
        alone = AdmissionCandidate(1, image(1, 10), alone=True)
        busy = RunningImage(99, 100 * MIB, 100 * MIB, 990.0)
        now = structs.replace(
            inputs(), candidates=[alone, AdmissionCandidate(2, image(2, 10))], running=[busy]
        )
        state = decide(now, AdmissionState()).state
        assert started(decide(structs.replace(now, now=now.now + MAY_BE_PASSED_S), state)) == []


class TestThreads:
    def test_cores_that_memory_leaves_idle_decode(self) -> None:
        now = inputs(rigid(1, 3 * GIB), rigid(2, 2 * GIB), cores=6, slots=6)
        decision = decide(structs.replace(now, disk_saves_memory=False), AdmissionState())
        assert [start.plan.threads for start in decision.starts] == [6]

    def test_the_last_images_get_the_cores_that_are_left(self) -> None:
        decision = decide(inputs(image(1, 30), cores=2, slots=2), AdmissionState())
        assert decision.starts[0].plan.threads == 2

    def test_not_while_more_images_are_still_to_come(self) -> None:
        now = structs.replace(inputs(image(1, 30), cores=2, slots=2), more_to_come=True)
        assert decide(now, AdmissionState()).starts[0].plan.threads == 1

    def test_not_while_workers_are_still_getting_ready(self) -> None:
        decision = decide(inputs(image(1, 30), image(2, 30), cores=4, slots=1), AdmissionState())
        assert decision.starts[0].plan.threads == 1

    def test_a_small_image_has_no_use_for_more(self) -> None:
        decision = decide(inputs(image(1, 5), cores=8, slots=8), AdmissionState())
        assert decision.starts[0].plan.threads == 1


class TestHold:
    def test_it_tells_what_there_is_and_what_must_stay(self) -> None:
        decision = decide(inputs(image(1, 5), available=300 * MIB), AdmissionState())
        assert decision.hold is not None
        assert "300 MiB" in decision.hold.detail and "410 MiB must stay free" in decision.hold.detail

    def test_it_ends_only_when_there_is_clearly_more_for_a_while(self) -> None:
        low = inputs(image(1, 5), available=FLOOR - 1)
        state = decide(low, AdmissionState()).state
        just = inputs(image(1, 5), available=FLOOR + MIB, now=1001.0)
        state = decide(just, state).state
        assert state.holding_since == 1000.0
        more = inputs(image(1, 5), available=2 * GIB, now=1010.0)
        decision = decide(more, state)
        assert decision.hold is not None and not decision.starts
        decision = decide(structs.replace(more, now=1010.0 + HOLD_RELEASE_S), decision.state)
        assert decision.hold is None and started(decision) == [1]

    def test_with_room_again_it_tells_that_the_room_must_last(self) -> None:
        state = AdmissionState(holding_since=900.0)
        hold = decide(inputs(available=2 * GIB, now=1001.0), state).hold
        assert hold is not None
        assert hold.detail.startswith("2.00 GiB of memory is available again")
        assert hold.detail.endswith("it continues by itself when there has been room for 3 s")

    def test_a_dip_while_it_waits_starts_the_wait_anew(self) -> None:
        state = AdmissionState(holding_since=900.0, room_since=999.0)
        state = decide(inputs(available=FLOOR - 1, now=1001.0), state).state
        assert state.room_since is None and state.holding_since == 900.0

    def test_below_half_the_floor_the_one_that_gives_back_most_is_stopped(self) -> None:
        old = RunningImage(1, 2 * GIB, 2 * GIB, started=0.0)
        young = RunningImage(2, GIB, GIB, started=990.0)
        small = RunningImage(3, 200 * MIB, 150 * MIB, started=999.0)
        decision = decide(inputs(available=FLOOR // 2 - 1, running=(old, young, small)), AdmissionState())
        assert decision.stop == 2

    def test_a_stopped_worker_gets_time_to_give_its_memory_back(self) -> None:
        one, two = RunningImage(1, GIB, GIB, 990.0), RunningImage(2, GIB, GIB, 980.0)
        low = inputs(available=0, running=(one, two))
        first = decide(low, AdmissionState())
        assert first.stop == 1
        assert (
            decide(structs.replace(low, now=low.now + STOP_INTERVAL_S / 2, running=[two]), first.state).stop
            is None
        )
        assert (
            decide(structs.replace(low, now=low.now + STOP_INTERVAL_S, running=[two]), first.state).stop == 2
        )

    def test_one_that_took_more_than_its_promise_is_promised_more(self) -> None:
        facts = image(1, 40)
        promise = decide(inputs(facts), AdmissionState()).starts[0].plan.predicted_bytes
        greedy = RunningImage(1, promise, 2 * promise, 990.0)
        state = decide(inputs(available=0, running=(greedy,)), AdmissionState()).state
        again = decide(inputs(facts, now=2000.0), structs.replace(state, holding_since=None))
        assert (
            again.starts[0].plan.predicted_bytes > 2 * promise
            or again.starts[0].plan.mode is DecodeMode.STRIPS
        )
        assert again.starts[0].plan.correction > 2

    def test_when_other_programs_have_the_memory_that_is_a_hold_too(self) -> None:
        decision = decide(inputs(image(1, 900), available=700 * MIB), AdmissionState())
        assert decision.hold is not None and not decision.never_fits
        assert "image 1 needs" in decision.hold.detail


class TestNeverFits:
    def test_it_tells_what_it_needs_and_what_there_is(self) -> None:
        huge = structs.replace(image(1, 3000), tile_width=54_000, tile_height=27_386)
        decision = decide(inputs(huge), AdmissionState())
        (never_fits,) = decision.never_fits
        failure = never_fits.failure()
        assert failure.cause is Cause.OUT_OF_MEMORY
        assert "needs" in failure.message and "3.60 GiB" in failure.message

    def test_what_fits_the_machine_but_never_gets_it_fails_after_a_long_wait(self) -> None:
        facts = image(1, 1400)
        now = inputs(facts, available=int(1.5 * GIB))
        state = decide(now, AdmissionState()).state
        assert state.stuck_since == now.now
        later = decide(structs.replace(now, now=now.now + STUCK_LIMIT_S), state)
        assert [i.image_id for i in later.never_fits] == [1]

    def test_an_image_of_usual_size_waits_as_long_as_it_takes(self) -> None:
        now = inputs(image(1, 60), available=FLOOR + 100 * MIB)
        state = decide(now, AdmissionState()).state
        later = decide(structs.replace(now, now=now.now + 100 * STUCK_LIMIT_S), state)
        assert not later.never_fits and later.hold is not None


class TestWorkers:
    @pytest.mark.parametrize(
        ("wanted", "gib", "expected"), [(2, 4, 2), (11, 48, 11), (64, 3, 5), (4, 0.3, 1)]
    )
    def test_idle_workers_leave_room_for_images(self, wanted: int, gib: float, expected: int) -> None:
        total = int(gib * GIB)
        assert affordable_workers(wanted, total, total // 10) == expected
