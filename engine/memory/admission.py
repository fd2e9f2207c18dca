"""Which images start now, which wait, and which is stopped, so that photostat never runs short of memory by itself.

The rule: an image starts if the peak predicted for it fits in the available memory, less the floor that must stay
free, less what running images have been promised and not taken yet. Candidates come in the order of preference, the
largest first; smaller ones that fit may start before a large one that does not. The first one that is passed over like
this is remembered, and when it has waited a minute, nothing else starts until the running images have made room for it.

An image is decoded in the quickest way that fits now, unless waiting for the others to end would allow a much quicker
one. An image that does not fit whole even then is decoded in strips, with its pixels on disk if necessary. Cores that
would stay idle for lack of memory become decoding threads of the images that start.

Below the floor nothing starts (see `floor_hold`). An image fails for memory only if no way of decoding it fits in the
machine.

Everything here is pure: `decide` takes an `AdmissionInput` and the `AdmissionState` of the last decision, and returns
a `Decision`. It is meant to be called a few times a second.
"""

from __future__ import annotations

from msgspec import structs

from engine.formatting import memory_size
from engine.memory.admission_types import (
    AdmissionCandidate,
    AdmissionInput,
    AdmissionState,
    Decision,
    MemoryHold,
    NeverFits,
    Start,
)
from engine.memory.calibration import UNCORRECTED, Calibration
from engine.memory.floor_hold import hold_detail, image_to_stop, remember_stop, update_hold
from engine.memory.prediction import MIB, DoesNotFit, HeaderFacts, choose_plan, predict, slowdown
from engine.messages import DecodeMode, Plan

MAY_BE_PASSED_S = 60.0
"""Smaller images may start before one that waits for room, but no longer than this."""
STUCK_LIMIT_S = 600.0
"""An image that needs more than half of the machine waits so long, with nothing running, for memory that other
programs have; then it fails."""
ACCEPTABLE_SLOWDOWN = 1.25
"""A way of decoding that takes up to this much longer is better than an idle core."""
OWN_IDLE_WORKER_BYTES = 80 * MIB
"""The memory of an idle worker that it does not share with the others."""
SAMPLES_PER_THREAD = 24_000_000
"""Eight megapixels of RGB; fewer do not keep another thread busy."""
ALONE_FACTOR = 1.5
"""On the prediction for an image whose worker was killed for memory."""


def affordable_workers(wanted: int, total_bytes: int, floor_bytes: int) -> int:
    """As many of the workers as fit, while idle, in an eighth of the memory above the floor; at least one."""
    return max(1, min(wanted, 1 + (total_bytes - floor_bytes) // 8 // OWN_IDLE_WORKER_BYTES))


def decide(inputs: AdmissionInput, state: AdmissionState, calibration: Calibration = UNCORRECTED) -> Decision:
    """What to do now. The caller carries it out, and passes `Decision.state` to the next call."""
    state = update_hold(inputs, state)
    if state.holding_since is not None:
        victim = image_to_stop(inputs, state)
        return Decision(
            state=state if victim is None else remember_stop(victim, inputs, state),
            hold=MemoryHold(hold_detail(inputs, state), state.holding_since),
            stop=None if victim is None else victim.image_id,
        )
    if not inputs.idle_rss_bytes or any(image.alone for image in inputs.running):
        return Decision(state=structs.replace(state, stuck_since=None))
    return AdmissionRound(inputs, state, calibration).decision()


class AdmissionRound:
    """A decision above the floor, made candidate by candidate."""

    def __init__(self, inputs: AdmissionInput, state: AdmissionState, calibration: Calibration) -> None:
        self._inputs = inputs
        self._state = state
        self._calibration = calibration
        self._headroom = inputs.headroom_bytes
        self._shareable = inputs.shareable_bytes
        self._starts: list[tuple[AdmissionCandidate, Plan]] = []
        self._never_fits: list[NeverFits] = []
        self._passed: AdmissionCandidate | None = None
        self._too_large_now: tuple[AdmissionCandidate, int] | None = None
        """The first that would not fit even if all our images had ended, and its need."""
        self._too_large_now_ids: set[int] = set()
        self._slots_ran_out = False

    def decision(self) -> Decision:
        inputs = self._inputs
        for candidate in self._in_order():
            if len(self._starts) >= len(inputs.idle_rss_bytes):
                self._slots_ran_out = True
                break
            if not self._consider(candidate):
                break
        hold = self._stuck()
        return Decision(
            state=self._remember(),
            starts=tuple(Start(candidate.image_id, plan) for candidate, plan in self._with_threads()),
            hold=hold,
            never_fits=tuple(self._never_fits),
        )

    def _in_order(self) -> list[AdmissionCandidate]:
        """In the order of preference, but one that has waited too long comes first."""
        overdue = [c for c in self._inputs.candidates if self._is_overdue(c)]
        return overdue + [c for c in self._inputs.candidates if not self._is_overdue(c)]

    def _is_overdue(self, candidate: AdmissionCandidate) -> bool:
        state = self._state
        waited = self._inputs.now - state.passed_since
        return candidate.image_id == state.passed_id and waited >= MAY_BE_PASSED_S

    def _consider(self, candidate: AdmissionCandidate) -> bool:
        """Start it, or note why not; False if no other may start now."""
        inputs, facts = self._inputs, candidate.facts
        best = self._choose(candidate, inputs.obtainable_bytes)
        if isinstance(best, DoesNotFit):
            self._note_too_large(candidate, best)
            return True
        now = self._choose(candidate, self._headroom + inputs.inherited_bytes)
        beside = bool(inputs.running or self._starts)
        if (
            isinstance(now, Plan)
            and slowdown(facts, now) <= slowdown(facts, best) * ACCEPTABLE_SLOWDOWN
            and not (candidate.alone and beside)
        ):
            self._starts.append((candidate, now))
            self._headroom -= max(0, now.predicted_bytes - inputs.inherited_bytes)
            self._shareable -= now.shared_bytes
            return not candidate.alone
        if self._passed is None or candidate.image_id == self._state.passed_id:
            self._passed = candidate
        return not self._is_overdue(candidate)

    def _choose(self, candidate: AdmissionCandidate, budget_bytes: int) -> Plan | DoesNotFit:
        """If its worker was killed for memory, a way that takes less this time, if there is one."""
        calibration = self._calibration_for(candidate)
        if candidate.alone:
            cautious = self._choose_with(candidate, budget_bytes, calibration.times(ALONE_FACTOR))
            if isinstance(cautious, Plan):
                return cautious
        return self._choose_with(candidate, budget_bytes, calibration)

    def _choose_with(
        self, candidate: AdmissionCandidate, budget_bytes: int, calibration: Calibration
    ) -> Plan | DoesNotFit:
        plan = choose_plan(
            candidate.facts,
            budget_bytes,
            calibration,
            disk_saves_memory=self._inputs.disk_saves_memory,
            jpeg=candidate.jpeg,
        )
        if isinstance(plan, DoesNotFit):
            return plan
        return _with_shared(plan, candidate, min(self._shareable, budget_bytes - plan.predicted_bytes))

    def _calibration_for(self, candidate: AdmissionCandidate) -> Calibration:
        factor = dict(self._state.overruns).get(candidate.image_id)
        return self._calibration if factor is None else self._calibration.times(factor)

    def _note_too_large(self, candidate: AdmissionCandidate, least: DoesNotFit) -> None:
        """It would not fit even if all our images had ended: in this machine at all, or only for now?"""
        inputs, need = self._inputs, least.needed_bytes
        stuck = self._state.stuck_since
        given_up = stuck is not None and inputs.now - stuck >= STUCK_LIMIT_S and not inputs.running
        if need > inputs.capacity_bytes:
            self._never_fits.append(
                NeverFits(candidate.image_id, need, inputs.capacity_bytes, candidate.jpeg)
            )
        elif given_up and need > inputs.capacity_bytes // 2:
            obtainable_bytes = max(0, inputs.obtainable_bytes)
            self._never_fits.append(NeverFits(candidate.image_id, need, obtainable_bytes, candidate.jpeg))
        else:
            self._too_large_now_ids.add(candidate.image_id)
            self._too_large_now = self._too_large_now or (candidate, need)

    def _stuck(self) -> MemoryHold | None:
        """If nothing runs and what waits does not fit, other programs have the memory: that is a hold too."""
        if self._inputs.running or self._starts or self._too_large_now is None or self._slots_ran_out:
            return None
        need = memory_size(self._too_large_now[1])
        room = memory_size(max(0, self._inputs.obtainable_bytes))
        since = self._inputs.now if self._state.stuck_since is None else self._state.stuck_since
        return MemoryHold(
            f"image {self._too_large_now[0].image_id} needs {need} and {room} can be had above the memory floor; "
            "it continues by itself when other programs give memory back",
            since,
        )

    def _remember(self) -> AdmissionState:
        state, now = self._state, self._inputs.now
        stuck = self._stuck()
        waiting = {candidate.image_id for candidate in self._inputs.candidates}
        waiting -= {candidate.image_id for candidate, _ in self._starts}
        passed_id, passed_since = state.passed_id, state.passed_since
        if passed_id not in waiting:
            passed_id = None
        elif passed_id in self._too_large_now_ids:
            passed_since = now  # it could not start anyway: no room is kept free for it for another while
        if self._passed is not None and self._passed.image_id != passed_id and self._may_change(passed_id):
            passed_id, passed_since = self._passed.image_id, now
        return structs.replace(
            state,
            passed_id=passed_id,
            passed_since=passed_since,
            stuck_since=None if stuck is None else stuck.since,
        )

    def _may_change(self, passed_id: int | None) -> bool:
        """Whether another image may become the one that room is kept for."""
        return passed_id is None or passed_id in self._too_large_now_ids

    def _with_threads(self) -> list[tuple[AdmissionCandidate, Plan]]:
        """The starts; cores that lack of memory or of images would leave idle become decoding threads."""
        inputs = self._inputs
        limited_by_memory = self._passed is not None or self._too_large_now is not None
        if self._slots_ran_out or (inputs.more_to_come and not limited_by_memory):
            return self._starts
        idle_cores = inputs.cores - sum(image.threads for image in inputs.running) - len(self._starts)
        starts = list(self._starts)
        threads = [1] * len(starts)
        while idle_cores > 0:
            useful = [n for n, (c, _) in enumerate(starts) if threads[n] < _useful_threads(c.facts)]
            if not useful:
                break
            threads[min(useful, key=lambda n: threads[n])] += 1
            idle_cores -= 1
        return [
            (candidate, self._threaded(candidate, plan, count))
            for (candidate, plan), count in zip(starts, threads, strict=True)
        ]

    def _threaded(self, candidate: AdmissionCandidate, plan: Plan, threads: int) -> Plan:
        wider = structs.replace(plan, threads=threads)
        need = int(predict(candidate.facts, wider, jpeg=candidate.jpeg) * plan.correction) + plan.shared_bytes
        if threads == 1 or need - plan.predicted_bytes > self._headroom:
            return plan
        self._headroom -= need - plan.predicted_bytes
        return structs.replace(wider, predicted_bytes=need)


def _with_shared(plan: Plan, candidate: AdmissionCandidate, shareable_bytes: int) -> Plan:
    """With the memory that a GPU's process writes to, if there is room for it too; never at the cost of another way."""
    if plan.mode is DecodeMode.STRIPS or plan.pixels_on_disk or candidate.shareable_bytes > shareable_bytes:
        return plan
    need = plan.predicted_bytes + candidate.shareable_bytes
    return structs.replace(plan, predicted_bytes=need, shared_bytes=candidate.shareable_bytes)


def _useful_threads(facts: HeaderFacts) -> int:
    return max(1, facts.width * facts.height * max(1, facts.components) // SAMPLES_PER_THREAD)
