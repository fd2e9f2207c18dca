"""The limit on what is sent to the store: all transfers together send no more, and every byte as it was."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from engine.config import StoreSettings
from engine.failures import Cause
from engine.messages import KnownStore, Quit, ShareOfBandwidth
from engine.processes.uploader import serve
from engine.store.bandwidth import BandwidthLimit, PacedBody
from engine.store.base import Store
from engine.store.local import LocalStore
from engine.store.open import open_store
from engine.store.s3 import S3Store
from engine.store.s3_client import S3Limits
from tests.support.seaweed import Seaweed, settings_for
from tests.support.staged_jpegs import MakeRequest, store_error_of
from tests.support.waiting import LONGEST_WAIT_S

RATE = 4_000_000
CREDIT_BYTES = RATE // 20
"""What may be sent at once after a rest, and one piece."""


class Clock:
    """Time passes when somebody sleeps, and a little longer than was asked for."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now, self._late_s = 100.0, late_s

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._late_s


def test_an_uploader_that_gets_another_share_sends_at_that_pace_from_then_on(tmp_path: Path) -> None:
    clock = Clock()
    limit = BandwidthLimit(RATE, lambda: clock.now, clock.sleep)
    ours, theirs = Pipe()
    ours.send(ShareOfBandwidth(RATE // 100))
    ours.send(Quit())
    serve(theirs, open_store(StoreSettings(url="file:out"), tmp_path, KnownStore(), limit), 1, limit=limit)
    began = clock.now
    for _ in range(10):
        limit.take(RATE // 100)
    assert 8.9 <= clock.now - began <= 10.0


@given(
    st.integers(64_000, 2**36),
    st.lists(st.tuples(st.integers(1, 1 << 16), st.floats(0, 2)), min_size=1, max_size=60),
    st.floats(0, 0.04),
)
def test_in_no_stretch_of_time_more_is_sent_than_the_limit_allows(
    rate: int, takes: list[tuple[int, float]], late_s: float
) -> None:
    clock = Clock(late_s)
    limit = BandwidthLimit(rate, lambda: clock.now, clock.sleep)
    sent: list[tuple[float, int]] = []
    for size, rest_s in takes:
        clock.now += rest_s
        limit.take(size)
        sent.append((clock.now, size))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            size = sum(size for _, size in sent[first:last])
            assert size / rate <= sent[last][0] - sent[first][0] + 0.1 + 1e-6


def test_sleeps_that_are_too_long_do_not_add_up() -> None:
    clock = Clock(late_s=0.01)
    limit = BandwidthLimit(RATE, lambda: clock.now, clock.sleep)
    for _ in limit.pieces(bytes(10 * RATE)):
        pass
    assert clock.now - 100 == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize(("rate", "piece"), [(64_000, 1280), (RATE, 65_536), (10**9, 65_536)])
def test_pieces_are_small_so_that_no_connection_is_quiet_for_long(rate: int, piece: int) -> None:
    limit = BandwidthLimit(rate)
    assert limit.piece_bytes == piece
    assert 256 * piece / rate < 20, "all transfers that there can be, while one of them waits"


@given(st.integers(1, 60_000), st.lists(st.integers(1, 400_000), min_size=1, max_size=8))
def test_a_limit_that_changes_in_the_middle_loses_no_byte_and_sends_none_twice(
    size_bytes: int, limits: list[int]
) -> None:
    data = random.Random(size_bytes).randbytes(size_bytes)
    limit = BandwidthLimit(100_000, sleep=lambda s: None)
    sent = b""
    for number, piece in enumerate(limit.pieces(data)):
        sent += bytes(piece)
        limit.change(limits[number % len(limits)])  # as another host begins or ends to send
    assert sent == data


def test_what_a_store_has_is_what_was_proved_although_its_share_of_the_limit_changes(
    tmp_path: Path, request_for: MakeRequest
) -> None:
    limit = BandwidthLimit(1_000_000, sleep=lambda s: limit.change(limit.piece_bytes * 25))
    store = LocalStore(tmp_path / "out", limit=limit)
    store.put(request := request_for(size_bytes=400_000))
    stored = (tmp_path / "out" / request.target).read_bytes()
    assert stored == Path(request.scratch_path).read_bytes() and len(stored) == 400_000


def test_a_file_that_has_not_become_as_long_as_the_jpeg_gets_no_name(
    tmp_path: Path, request_for: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = BandwidthLimit(1_000_000)
    monkeypatch.setattr(limit, "pieces", lambda data: [data[:-1]])
    store = LocalStore(tmp_path / "out", limit=limit)
    found = store_error_of(lambda: store.put(request_for()))
    assert found.failure.cause is Cause.PROOF_FAILED and "9999 bytes there instead of 10000" in str(found)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_a_paced_body_has_the_same_bytes_also_when_it_is_sent_again() -> None:
    clock = Clock()
    data = bytes(range(256)) * 1000
    body = PacedBody(io.BytesIO(data), BandwidthLimit(RATE, lambda: clock.now, clock.sleep))
    for _ in range(2):
        body.seek(0)
        assert b"".join(iter(lambda: body.read(16_384), b"")) == data
    assert clock.now - 100 >= (2 * len(data) - 16_384) / RATE


def stored_in(store: Store, request_for: MakeRequest, sizes: list[int]) -> float:
    """Puts them all at once; how long that takes, s."""
    requests = [request_for(f"b/u/{number}.jpg", size, number) for number, size in enumerate(sizes)]
    began = time.monotonic()
    with ThreadPoolExecutor(len(sizes)) as pool:
        for stored in pool.map(store.put, requests):
            assert not stored.existed
    took_s = time.monotonic() - began
    for request in requests:
        assert store.digest(request.target) == request.md5
    return took_s


def test_all_transfers_to_a_real_server_share_the_limit(
    seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    """From memory, from a file that the server is asked about first, and in parts."""
    settings = structs.replace(settings_for(seaweed.endpoint, prefix), bandwidth_limit=RATE)
    store = S3Store(settings, S3Limits(multipart_bytes=5 << 20, part_bytes=5 << 20, in_memory_bytes=400_000))
    sizes = [300_000, 300_000, 1_000_000, 6 << 20]
    assert stored_in(store, request_for, sizes) >= (sum(sizes) - CREDIT_BYTES - len(sizes) * 65_536) / RATE
    contents = seaweed.contents(prefix)
    assert [len(contents[f"b/u/{number}.jpg"]) for number in range(4)] == sizes
    store.close()


def test_a_probe_does_not_wait_for_the_transfers(
    seaweed: Seaweed, prefix: str, request_for: MakeRequest
) -> None:
    gate = threading.Event()
    settings = structs.replace(settings_for(seaweed.endpoint, prefix), bandwidth_limit=64_000)
    store = S3Store(settings, S3Limits())
    store._bucket._limit = BandwidthLimit(64_000, sleep=lambda _: waits(gate))
    transfer = threading.Thread(target=store.put, args=(request_for(size_bytes=640_000),))
    transfer.start()
    assert store.write_probe().is_proof
    assert transfer.is_alive()
    gate.set()
    transfer.join()
    assert len(seaweed.contents(prefix)) == 1
    store.close()


def waits(gate: threading.Event) -> None:
    assert gate.wait(LONGEST_WAIT_S)


def test_what_goes_into_a_directory_is_limited_too(tmp_path: Path, request_for: MakeRequest) -> None:
    """Also on the file system of scratch, where nothing would have to be copied."""
    settings = StoreSettings(url="file:out", bandwidth_limit=RATE)
    store = open_store(settings, tmp_path, KnownStore())
    sizes = [1_000_000, 2_500_000, 500_000]
    assert stored_in(store, request_for, sizes) >= (sum(sizes) - CREDIT_BYTES - len(sizes) * 65_536) / RATE
    found = hashlib.md5((tmp_path / "out/b/u/1.jpg").read_bytes()).hexdigest()
    assert found == store.digest("b/u/1.jpg")
