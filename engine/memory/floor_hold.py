"""The hold below the memory floor: when it begins and ends, and which image is stopped to get memory back. Pure.

If less than the floor is available, nothing starts until there has clearly been more for some seconds. Below half the
floor, the running image that gives back most memory for the least lost work is stopped.
"""

from __future__ import annotations

from msgspec import structs

from engine.formatting import memory_size
from engine.memory.admission_types import AdmissionInput, AdmissionState, RunningImage
from engine.memory.prediction import MIB

HOLD_RELEASE_S = 3.0
"""A hold ends when there has been enough memory for so long."""
STOP_INTERVAL_S = 2.0
"""The memory of a stopped worker takes up to so long to come back; no other is stopped before."""
OVERRUN_TOLERANCE = 1.05
"""An image that takes up to this much more than it was promised is promised no more the next time."""
OVERRUN_MARGIN = 1.3
"""What took more than promised is promised this much more than it took, because it was stopped before its peak."""
MOST_OVERRUNS_KEPT = 255


def update_hold(inputs: AdmissionInput, state: AdmissionState) -> AdmissionState:
    """Begin a hold below the floor; end it when there has clearly been more for some seconds."""
    now, available = inputs.now, inputs.available_bytes
    if available < inputs.floor_bytes:
        since = now if state.holding_since is None else state.holding_since
        return structs.replace(state, holding_since=since, room_since=None)
    if state.holding_since is None:
        return state
    if available < _release_bytes(inputs):
        return structs.replace(state, room_since=None)
    room_since = now if state.room_since is None else state.room_since
    if now - room_since < HOLD_RELEASE_S:
        return structs.replace(state, room_since=room_since)
    return structs.replace(state, holding_since=None, room_since=None)


def _release_bytes(inputs: AdmissionInput) -> int:
    margin = max(inputs.floor_bytes // 10, 64 * MIB)
    return inputs.floor_bytes + min(margin, inputs.capacity_bytes // 4)


def hold_detail(inputs: AdmissionInput, state: AdmissionState) -> str:
    """What there is and what is missing, and when the hold ends; one line for people."""
    available, floor = inputs.available_bytes, inputs.floor_bytes
    if state.room_since is not None:
        return (
            f"{memory_size(available)} of memory is available again, of which {memory_size(floor)} must stay free "
            f"(memory_floor); it continues by itself when there has been room for {HOLD_RELEASE_S:.0f} s"
        )
    return (
        f"{memory_size(available)} of memory is available and {memory_size(floor)} must stay free (memory_floor); "
        f"it continues by itself from {memory_size(_release_bytes(inputs))}"
    )


def image_to_stop(inputs: AdmissionInput, state: AdmissionState) -> RunningImage | None:
    """Below half the floor: the image that gives back most memory for each second of lost work."""
    if inputs.available_bytes >= inputs.floor_bytes // 2 or not inputs.running:
        return None
    if inputs.now - state.stopped_at < STOP_INTERVAL_S:
        return None
    return max(inputs.running, key=lambda image: image.rss_bytes / (10.0 + inputs.now - image.started))


def remember_stop(victim: RunningImage, inputs: AdmissionInput, state: AdmissionState) -> AdmissionState:
    """The state after the stop: an image that took more than it was promised is promised more the next time."""
    overruns = state.overruns
    if victim.rss_bytes > victim.promised_bytes * OVERRUN_TOLERANCE:
        taken = victim.rss_bytes / max(1, victim.promised_bytes)
        factor = dict(overruns).get(victim.image_id, 1.0) * taken * OVERRUN_MARGIN
        others = tuple((i, f) for i, f in overruns if i != victim.image_id)
        overruns = (*others[-MOST_OVERRUNS_KEPT:], (victim.image_id, factor))
    return structs.replace(state, stopped_at=inputs.now, overruns=overruns)
