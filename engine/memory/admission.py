"""Who may start, who must wait, and whom to stop, so that memory is never short by our own doing.

The rule: an image starts when the peak predicted for it fits in what is available, less the floor that must
stay free, less what running images have been promised and have not taken yet. Candidates come in the order of
preference, largest first; those that fit pass those that do not. The first that is passed is remembered, and
when it has waited a minute, nothing else starts until what runs has made room for it. An image is decoded the
quickest way that fits now, unless waiting for the others to end would allow one much quicker; what does not
fit whole even then goes in strips, with its pixels on disk if need be. Cores that memory leaves idle become
decoding threads of the images that start. When less than the floor is available nothing starts (a hold) until
there is clearly more for some seconds; below half the floor the running image that gives back most for the
least lost work is stopped. An image fails for memory only when no way of decoding it fits in the machine.

Everything here is pure: `decide` takes a `AdmissionInput` and the `AdmissionState` of the last decision, and
returns a `Decision`. Times are seconds on any one clock; it is meant to be asked a few times a second.
"""

from __future__ import annotations

from dataclasses import replace

from engine.memory.admission_types import (
    AdmissionCandidate,
    AdmissionInput,
    AdmissionState,
    Decision,
    MemoryHold,
    NeverFits,
    RunningImage,
    Start,
)
from engine.memory.available import format_bytes
from engine.memory.prediction import (
    MIB,
    UNCORRECTED,
    Calibration,
    DoesNotFit,
    HeaderFacts,
    choose_plan,
    predict,
    slowdown,
)
from engine.messages import Plan

PATIENCE_S = 60.0
"""So long smaller images may pass one that waits for room."""
RELEASE_S = 3.0
"""So long there must be room again before a hold ends."""
SETTLE_S = 2.0
"""A stopped worker's memory takes so long to come back."""
GIVE_UP_S = 600.0
"""So long an image that needs more than half of the machine waits, with nothing running, for other programs."""
ACCEPTABLE_SLOWDOWN = 1.25
"""A way of decoding that takes this much longer is better than an idle core."""
OWN_IDLE_WORKER_BYTES = 80 * MIB
"""The part of an idle worker that it does not share with the others."""
SAMPLES_PER_THREAD = 24_000_000
"""Eight megapixels of RGB: less does not keep another thread busy."""
OVERRUN = 1.05
OVERRUN_STEP = 1.3
MOST_OVERRUNS = 255
CAUTION = 1.5


def affordable_workers(wanted: int, total_bytes: int, floor_bytes: int) -> int:
    """Workers idle cost memory too: no more of them than an eighth of the machine's room holds."""
    return max(1, min(wanted, 1 + (total_bytes - floor_bytes) // 8 // OWN_IDLE_WORKER_BYTES))


def decide(
    situation: AdmissionInput, state: AdmissionState, calibration: Calibration = UNCORRECTED
) -> Decision:
    """What to do now. The caller starts and stops as told, and hands `Decision.state` to the next call."""
    state = _update_hold(situation, state)
    if state.holding_since is not None:
        victim = _whom_to_stop(situation, state)
        return Decision(
            state=state if victim is None else _stopped(victim, situation, state),
            hold=MemoryHold(_floor_detail(situation, state), state.holding_since),
            stop=None if victim is None else victim.image_id,
        )
    if not situation.idle_rss_bytes or any(image.alone for image in situation.running):
        return Decision(state=replace(state, stuck_since=None))
    return AdmissionRound(situation, state, calibration).decision()


# -- the floor ----


def _update_hold(situation: AdmissionInput, state: AdmissionState) -> AdmissionState:
    """Begin a hold below the floor; end it when there has been clearly more for some seconds."""
    now, available = situation.now, situation.memory.available_bytes
    if available < situation.floor_bytes:
        since = now if state.holding_since is None else state.holding_since
        return replace(state, holding_since=since, room_since=None)
    if state.holding_since is None:
        return state
    if available < _release_bytes(situation):
        return replace(state, room_since=None)
    room_since = now if state.room_since is None else state.room_since
    if now - room_since < RELEASE_S:
        return replace(state, room_since=room_since)
    return replace(state, holding_since=None, room_since=None)


def _release_bytes(situation: AdmissionInput) -> int:
    margin = max(situation.floor_bytes // 10, 64 * MIB)
    return situation.floor_bytes + min(margin, situation.capacity_bytes // 4)


def _floor_detail(situation: AdmissionInput, state: AdmissionState) -> str:
    available, floor = situation.memory.available_bytes, situation.floor_bytes
    if state.room_since is not None:
        return (
            f"{format_bytes(available)} of memory is available again, of which {format_bytes(floor)} must stay free "
            f"(memory_floor); it goes on by itself when there has been room for {RELEASE_S:.0f} s"
        )
    return (
        f"{format_bytes(available)} of memory is available and {format_bytes(floor)} must stay free (memory_floor); "
        f"it goes on by itself from {format_bytes(_release_bytes(situation))}"
    )


def _whom_to_stop(situation: AdmissionInput, state: AdmissionState) -> RunningImage | None:
    """Below half the floor: the image that gives back most for each second of work that is lost."""
    if situation.memory.available_bytes >= situation.floor_bytes // 2 or not situation.running:
        return None
    if situation.now - state.stopped_at < SETTLE_S:
        return None
    return max(situation.running, key=lambda image: image.rss_bytes / (10.0 + situation.now - image.started))


def _stopped(victim: RunningImage, situation: AdmissionInput, state: AdmissionState) -> AdmissionState:
    """Remember the stop; an image that took more than its promise is promised more the next time."""
    overruns = state.overruns
    if victim.rss_bytes > victim.promised_bytes * OVERRUN:
        taken = victim.rss_bytes / max(1, victim.promised_bytes)
        factor = dict(overruns).get(victim.image_id, 1.0) * taken * OVERRUN_STEP
        others = tuple((i, f) for i, f in overruns if i != victim.image_id)
        overruns = (*others[-MOST_OVERRUNS:], (victim.image_id, factor))
    return replace(state, stopped_at=situation.now, overruns=overruns)


# -- starting ----


class AdmissionRound:
    """One decision above the floor, made candidate by candidate."""

    def __init__(self, situation: AdmissionInput, state: AdmissionState, calibration: Calibration) -> None:
        self._situation = situation
        self._state = state
        self._calibration = calibration
        self._headroom = situation.headroom_bytes
        self._starts: list[tuple[AdmissionCandidate, Plan]] = []
        self._impossible: list[NeverFits] = []
        self._passed: AdmissionCandidate | None = None
        self._short: tuple[AdmissionCandidate, int] | None = None
        """The first that fits nowhere at present, and its need."""
        self._short_ids: set[int] = set()
        self._slots_ran_out = False

    def decision(self) -> Decision:
        situation = self._situation
        for candidate in self._in_order():
            if len(self._starts) >= len(situation.idle_rss_bytes):
                self._slots_ran_out = True
                break
            if not self._consider(candidate):
                break
        hold = self._stuck()
        return Decision(
            state=self._remember(),
            starts=tuple(Start(candidate.image_id, plan) for candidate, plan in self._with_threads()),
            hold=hold,
            impossible=tuple(self._impossible),
        )

    def _in_order(self) -> list[AdmissionCandidate]:
        """As preferred, but one that has waited too long comes first."""
        overdue = [c for c in self._situation.candidates if self._is_overdue(c)]
        return overdue + [c for c in self._situation.candidates if not self._is_overdue(c)]

    def _is_overdue(self, candidate: AdmissionCandidate) -> bool:
        state = self._state
        waited = self._situation.now - state.passed_since
        return candidate.image_id == state.passed_id and waited >= PATIENCE_S

    def _consider(self, candidate: AdmissionCandidate) -> bool:
        """Start it, or note why not; False when nothing after it may start now."""
        situation, facts = self._situation, candidate.facts
        best = self._choose(candidate, situation.obtainable_bytes)
        if isinstance(best, DoesNotFit):
            self._note_too_large(candidate, best)
            return True
        now = self._choose(candidate, self._headroom + situation.inherited_bytes)
        beside = bool(situation.running or self._starts)
        if (
            isinstance(now, Plan)
            and slowdown(facts, now) <= slowdown(facts, best) * ACCEPTABLE_SLOWDOWN
            and not (candidate.alone and beside)
        ):
            self._starts.append((candidate, now))
            self._headroom -= max(0, now.predicted_bytes - situation.inherited_bytes)
            return not candidate.alone
        if self._passed is None or candidate.image_id == self._state.passed_id:
            self._passed = candidate
        return not self._is_overdue(candidate)

    def _choose(self, candidate: AdmissionCandidate, budget_bytes: int) -> Plan | DoesNotFit:
        """One whose worker was killed for memory goes a thriftier way this time, if there is one."""
        calibration = self._calibration_for(candidate)
        if candidate.alone:
            cautious = self._choose_with(candidate, budget_bytes, calibration.times(CAUTION))
            if isinstance(cautious, Plan):
                return cautious
        return self._choose_with(candidate, budget_bytes, calibration)

    def _choose_with(
        self, candidate: AdmissionCandidate, budget_bytes: int, calibration: Calibration
    ) -> Plan | DoesNotFit:
        return choose_plan(
            candidate.facts,
            budget_bytes,
            calibration,
            disk_saves_memory=self._situation.disk_saves_memory,
            jpeg=candidate.jpeg,
        )

    def _calibration_for(self, candidate: AdmissionCandidate) -> Calibration:
        factor = dict(self._state.overruns).get(candidate.image_id)
        return self._calibration if factor is None else self._calibration.times(factor)

    def _note_too_large(self, candidate: AdmissionCandidate, least: DoesNotFit) -> None:
        """It does not fit though all of ours had ended: in this machine at all, or because of others?"""
        situation, need = self._situation, least.needed_bytes
        stuck = self._state.stuck_since
        given_up = stuck is not None and situation.now - stuck >= GIVE_UP_S and not situation.running
        if need > situation.capacity_bytes:
            self._impossible.append(
                NeverFits(candidate.image_id, need, situation.capacity_bytes, candidate.jpeg)
            )
        elif given_up and need > situation.capacity_bytes // 2:
            there_are = max(0, situation.obtainable_bytes)
            self._impossible.append(NeverFits(candidate.image_id, need, there_are, candidate.jpeg))
        else:
            self._short_ids.add(candidate.image_id)
            self._short = self._short or (candidate, need)

    def _stuck(self) -> MemoryHold | None:
        """Nothing runs and what waits does not fit: other programs have the memory, and that is a hold too."""
        if self._situation.running or self._starts or self._short is None or self._slots_ran_out:
            return None
        need = format_bytes(self._short[1])
        room = format_bytes(max(0, self._situation.obtainable_bytes))
        since = self._situation.now if self._state.stuck_since is None else self._state.stuck_since
        return MemoryHold(
            f"image {self._short[0].image_id} needs {need} and {room} can be had above the memory floor; "
            "it goes on by itself when other programs give memory back",
            since,
        )

    def _remember(self) -> AdmissionState:
        state, now = self._state, self._situation.now
        stuck = self._stuck()
        waiting = {candidate.image_id for candidate in self._situation.candidates}
        waiting -= {candidate.image_id for candidate, _ in self._starts}
        passed_id, passed_since = state.passed_id, state.passed_since
        if passed_id not in waiting:
            passed_id = None
        elif passed_id in self._short_ids:
            passed_since = (
                now  # it could not start anyway: nothing is kept free for it in vain, not soon again
            )
        if self._passed is not None and self._passed.image_id != passed_id and self._may_change(passed_id):
            passed_id, passed_since = self._passed.image_id, now
        return replace(
            state,
            passed_id=passed_id,
            passed_since=passed_since,
            stuck_since=None if stuck is None else stuck.since,
        )

    def _may_change(self, passed_id: int | None) -> bool:
        """Whether another may be the one that waits: the present one is gone, or could not start anyway."""
        return passed_id is None or passed_id in self._short_ids

    def _with_threads(self) -> list[tuple[AdmissionCandidate, Plan]]:
        """The starts; cores that memory (or the end of the work) leaves idle become decoding threads."""
        situation = self._situation
        limited_by_memory = self._passed is not None or self._short is not None
        if self._slots_ran_out or (situation.more_to_come and not limited_by_memory):
            return self._starts
        spare = situation.cores - sum(image.threads for image in situation.running) - len(self._starts)
        starts = list(self._starts)
        threads = [1] * len(starts)
        while spare > 0:
            useful = [n for n, (c, _) in enumerate(starts) if threads[n] < _useful_threads(c.facts)]
            if not useful:
                break
            threads[min(useful, key=lambda n: threads[n])] += 1
            spare -= 1
        return [
            (candidate, self._threaded(candidate, plan, count))
            for (candidate, plan), count in zip(starts, threads, strict=True)
        ]

    def _threaded(self, candidate: AdmissionCandidate, plan: Plan, threads: int) -> Plan:
        wider = replace(plan, threads=threads)
        need = int(predict(candidate.facts, wider, jpeg=candidate.jpeg) * plan.correction)
        if threads == 1 or need - plan.predicted_bytes > self._headroom:
            return plan
        self._headroom -= need - plan.predicted_bytes
        return replace(wider, predicted_bytes=need)


def _useful_threads(facts: HeaderFacts) -> int:
    return max(1, facts.width * facts.height * max(1, facts.components) // SAMPLES_PER_THREAD)
