"""No image is given to two hosts, and one that fits in none of them fails only then."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.ledger.models import PendingImage
from engine.supervisor.candidates import Candidates
from tests.support.ledgers import surveyed


def pending(image_id: int) -> PendingImage:
    return PendingImage(
        image_id, "b", "u", "", f"/{image_id}.jp2", f"{image_id}.jpg", "", 0, surveyed(image_id)
    )


class Queue:
    """A ledger's pending images."""

    def __init__(self, count: int) -> None:
        self.pending = list(range(1, count + 1))
        self.reads = 0

    def __call__(self, limit: int) -> list[PendingImage]:
        self.reads += 1
        return [pending(number) for number in self.pending[:limit]]

    def start(self, candidates: Candidates, host: str, wanted: int, held_back: frozenset[int]) -> list[int]:
        """A host starts as many as it has slots for."""
        found = candidates.of(host, held_back)
        started = [image.image_id for image in found][:wanted]
        for image in started:
            self.pending.remove(image)
        candidates.started(started)
        return started


@given(
    st.integers(0, 400),
    st.lists(st.lists(st.integers(0, 80), min_size=1, max_size=6), min_size=1, max_size=6),
    st.frozensets(st.integers(1, 80), max_size=40),
)
def test_no_image_goes_to_two_hosts_and_none_waits_while_a_slot_is_free(
    images: int, turns: list[list[int]], held_back: frozenset[int]
) -> None:
    """Each turn, each host has some free slots; the first one cannot read some of the sources."""
    queue, started = Queue(images), list[int]()
    candidates = Candidates(queue)
    for turn in turns:
        candidates.begin_turn()
        for number, slots in enumerate(turn):
            refused = held_back if number == 0 else frozenset()
            before = [image for image in queue.pending if image not in refused]
            got = queue.start(candidates, f"host-{number}", slots, refused)
            assert set(got).isdisjoint(refused)
            assert len(got) == min(slots, 64, len(before)) or len(turn) > 1
            assert bool(got) == bool(slots and before)
            started += got
    assert len(started) == len(set(started))


def test_one_host_reads_the_queue_once_a_turn() -> None:
    queue = Queue(300)
    candidates = Candidates(queue)
    for turn in range(1, 4):
        candidates.begin_turn()
        queue.start(candidates, "", 2, frozenset({5}))
        assert queue.reads == turn


def test_what_fits_in_no_host_is_known_only_when_each_has_said_so() -> None:
    candidates = Candidates(Queue(3))
    for host in ("", "b", "c"):
        candidates.joined(host)
    assert not candidates.fits_nowhere("", 2)
    assert not candidates.fits_nowhere("", 2)
    candidates.begin_turn()
    assert [image.image_id for image in candidates.of("", ())] == [1, 3]
    assert [image.image_id for image in candidates.of("b", ())] == [1, 2, 3]
    assert not candidates.fits_nowhere("b", 2)
    candidates.left("c")  # those that stay are asked again
    assert [image.image_id for image in candidates.of("b", ())] == [1, 2, 3]
    assert not candidates.fits_nowhere("b", 2)
    assert candidates.fits_nowhere("", 2)
    assert [image.image_id for image in candidates.of("", ())] == [1, 2, 3]


def test_with_one_host_what_never_fits_is_known_at_once() -> None:
    candidates = Candidates(Queue(3))
    candidates.joined("")
    assert candidates.fits_nowhere("", 1)
