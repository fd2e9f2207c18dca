"""Which buffers are registered with CUDA, and when they are let go. What CUDA does then only a card shows."""

from __future__ import annotations

import os
from ctypes.util import find_library
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from engine.gpu.card_memory import CardError, CardMemory
from engine.gpu.library import GpuLibrary, place_on_card
from engine.gpu.pinned import PinnedBuffers
from engine.gpu.serving import Server, listen
from engine.gpu.shared_buffer import AttachedBuffer, SharedBuffer
from engine.gpu_messages import GpuOutcome, GpuUse
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.jp2_file import Jp2File
from engine.messages import Quit
from tests.support.gpu_decoders import gpu_client, needs_library
from tests.support.jp2_files import make_codestream
from tests.support.waiting import wait_until

PAGE = 4096


class Recorded:
    """What the driver was asked for."""

    def __init__(self) -> None:
        self.registered: dict[int, int] = {}
        self.calls: list[str] = []
        self.refuses = ""

    def register(self, address: int, size: int) -> None:
        self.calls.append("register")
        if self.refuses:
            raise CardError(self.refuses)
        assert address % PAGE == size % PAGE == 0
        assert address not in self.registered
        self.registered[address] = size

    def unregister(self, address: int) -> None:
        self.calls.append("unregister")
        if self.refuses:
            raise CardError(self.refuses)
        del self.registered[address]


def attached(pages: int) -> AttachedBuffer:
    shared = SharedBuffer(pages * PAGE)
    try:
        return AttachedBuffer(os.dup(shared.descriptor))
    finally:
        shared.close()


def test_each_is_registered_once_and_let_go_when_nobody_uses_it() -> None:
    card = Recorded()
    pinned = PinnedBuffers(card, 10 * PAGE)
    first, second, third = attached(4), attached(6), attached(1)
    for buffer in (first, second, first, third):
        pinned.add(buffer)
    assert card.calls == ["register", "register"], "the third is over the budget"
    assert [buffer in pinned for buffer in (first, second, third)] == [True, True, False]
    assert (pinned.bytes, pinned.problem) == (10 * PAGE, "")
    pinned.keep_only({second, third})
    pinned.add(third)
    assert sorted(card.registered.values()) == [PAGE, 6 * PAGE]
    pinned.keep_only(())
    assert (card.registered, pinned.bytes) == ({}, 0)
    assert card.calls.count("register") == card.calls.count("unregister") == 3


def test_what_the_driver_refuses_is_told_and_not_asked_again() -> None:
    card = Recorded()
    pinned = PinnedBuffers(card, 100 * PAGE)
    kept, refused = attached(1), attached(2)
    pinned.add(kept)
    card.refuses = "cuMemHostRegister_v2: CUDA_ERROR_OUT_OF_MEMORY"
    pinned.add(refused)
    pinned.add(attached(1))
    assert (kept in pinned, refused in pinned) == (True, False)
    assert card.calls == ["register", "register"]
    assert pinned.problem.startswith("8.00 KiB of memory cannot be registered (cuMemHostRegister_v2")
    pinned.keep_only(())
    assert card.calls == ["register", "register", "unregister"]
    assert kept not in pinned


def test_without_a_card_nothing_is_registered() -> None:
    pinned = PinnedBuffers(None, 100 * PAGE)
    buffer = attached(1)
    pinned.add(buffer)
    assert buffer not in pinned
    pinned.keep_only(())
    assert pinned.problem == ""


@pytest.mark.skipif(find_library("cuda") is not None, reason="a driver is here")
def test_a_missing_driver_is_a_reason_and_no_crash() -> None:
    with pytest.raises(CardError, match=r"libcuda\.so\.1"):
        CardMemory(0)


def test_samples_are_copied_as_they_lie_or_not_at_all_by_the_card() -> None:
    target = np.zeros((30, 40, 3), np.uint16)
    there = {
        "shape": (30, 40, 3),
        "typestr": "<u2",
        "data": (4711, False),
        "strides": (240, 6, 2),
        "version": 3,
    }
    assert place_on_card(there, target) == 4711
    assert place_on_card(there | {"strides": None}, target) == 4711
    others: list[dict[str, object]] = [
        {"strides": (256, 6, 2)},
        {"typestr": "|u1"},
        {"shape": (40, 30, 3)},
    ]
    assert [place_on_card(there | other, target) for other in others] == [None] * 3


class RecordedCard(Recorded):
    """With the CPU backend: what it decodes is not on a card, so nothing is copied by it."""

    decoding_stream = 0

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0

    def wait_for_decoding(self) -> None:
        self.waited += 1

    def copy(self, target: int, source: int, size: int) -> None:
        raise AssertionError("an image that is no card's")


@needs_library
def test_the_decoding_process_registers_what_workers_show_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small, large = tmp_path / "small.j2k", tmp_path / "large.j2k"
    make_codestream(small, 64, 48)
    make_codestream(large, 640, 480)
    card, (ours, theirs) = RecordedCard(), Pipe()
    library = GpuLibrary(None)
    library.card_memory = card  # type: ignore[assignment]
    listener = listen()
    server = Server(library, listener, theirs, SilentMessages())  # type: ignore[arg-type]
    thread = Thread(target=server.run)
    thread.start()
    try:
        with gpu_client() as client:
            for path in (small, small, large):
                with Jp2File.open(path) as file:
                    use = GpuUse(listener.getsockname().decode(), compare=False, lossy=False)
                    samples, outcome = client.decode(use, file, CodestreamFeatures())
                assert outcome == GpuOutcome()
                assert samples is not None
            wait_until(lambda: len(card.registered) == 1, "the end of the memory that was too small")
            assert sorted(card.calls) == ["register", "register", "unregister"]
            assert card.waited == 3
            (size,) = card.registered.values()
            assert size > 640 * 480 * 3
        wait_until(lambda: not card.registered, "the end of a worker that is gone")
    finally:
        ours.send(Quit())
        thread.join()
        listener.close()


class SilentMessages:
    def take(self) -> str:
        return ""
