"""The real library's CPU backend in its process: the samples are OpenJPEG's, and its death fails no image."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from engine.conversion.convert import convert_image
from engine.failures import ImageError, Stage
from engine.gpu import client as client_module
from engine.gpu import pulse
from engine.gpu.cards import BACKEND_MEMORY
from engine.gpu.client import GpuClient
from engine.gpu_messages import GpuFailed, GpuOutcome, GpuUnusable, GpuUse
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.openjpeg import DecoderMessages, open_decoder
from engine.jp2.jp2_file import Jp2File
from engine.jp2.validation.validate import check_structure
from engine.messages import Converted
from engine.processes.child import Child
from engine.processes.gpu_decoder import gpu_decoder_main
from tests.support.conversions import job
from tests.support.gpu_decoders import STARTS_WITHIN_S, gpu_client, gpu_decoder, lying_library, needs_library
from tests.support.jp2_files import Encoding, make_codestream, make_jp2
from tests.support.waiting import wait_until

pytestmark = needs_library

KINDS: dict[str, dict[str, Any]] = {
    "grey": {"channels": 1},
    "RGB": {},
    "RGBA": {"channels": 4},
    "12 bits": {"bits": 12},
    "16 bits, grey": {"bits": 16, "channels": 1},
    "tiles": {"encoding": Encoding(tile=(100, 70))},
    "tile-parts, layers": {
        "encoding": Encoding(tile=(128, 128), tile_parts="R", progression="RPCL", ratios=(20, 5, 1), plt=True)
    },
    "code-block styles": {"encoding": Encoding(block_style=1 | 2 | 4 | 8 | 32, code_block=32, precinct=128)},
    "SOP, EPH, one level": {"encoding": Encoding(sop=True, eph=True, levels=1, progression="CPRL")},
    "no level": {"encoding": Encoding(levels=0)},
}


def decode(client: GpuClient, path: Path, address: str, *, lossy: bool = False) -> tuple[Any, GpuOutcome]:
    with Jp2File.open(path) as file:
        return client.decode(GpuUse(address, False, lossy), file, check_structure(file).features)


def samples_of(path: Path) -> np.ndarray[Any, Any]:
    """OpenJPEG's."""
    with (
        Jp2File.open(path) as file,
        open_decoder(str(path), file.header.container, DecoderMessages()) as decoder,
    ):
        decoder.whole()
        return np.stack([plane.samples for plane in decoder.planes()], axis=-1)


def test_every_kind_has_openjpegs_samples(tmp_path: Path) -> None:
    with gpu_decoder() as (_, address), gpu_client() as client:
        for number, (name, options) in enumerate(KINDS.items()):
            path = tmp_path / f"{number}.j2k"
            make_codestream(path, 251, 183, **options)
            samples, outcome = decode(client, path, address)
            assert outcome == GpuOutcome(), name
            assert np.array_equal(samples, samples_of(path)), name
        wrapped = tmp_path / "wrapped.jp2"
        make_jp2(wrapped, 640, 480)  # larger than the memory so far
        assert np.array_equal(decode(client, wrapped, address)[0], samples_of(wrapped))
        cut = tmp_path / "no-end.j2k"
        cut.write_bytes((tmp_path / "1.j2k").read_bytes()[:-2])  # a patch puts the end marker back
        assert np.array_equal(decode(client, cut, address)[0], samples_of(tmp_path / "1.j2k"))
        lossy = tmp_path / "lossy.j2k"
        make_codestream(lossy, encoding=Encoding(reversible=False, ratios=(10,)))
        assert decode(client, lossy, address)[1].refused == "irreversible wavelet"
        difference = decode(client, lossy, address, lossy=True)[0].astype(int) - samples_of(lossy)
        assert abs(difference).max() <= 1


@dataclass
class Told:
    """What came of a conversion, and what was said of the GPU on the way."""

    done: Converted
    gpu: GpuOutcome | None


def convert(path: Path, gpu: GpuUse | None, client: GpuClient) -> tuple[bytes, Told]:
    (path.parent / "scratch").mkdir(exist_ok=True)
    told: list[GpuOutcome | None] = []
    done = convert_image(structs.replace(job(path), gpu=gpu), lambda stage: None, client, told.append)
    assert [outcome is None for outcome in told] in ([], [False], [True, False])
    return Path(done.scratch_path).read_bytes(), Told(done, told[-1] if told else None)


def test_a_conversion_makes_the_same_jpeg_and_outlives_the_process(tmp_path: Path) -> None:
    paths = [tmp_path / "rgb.jp2", tmp_path / "deep.jp2"]
    make_jp2(paths[0], 300, 200)
    make_jp2(paths[1], 300, 200, bits=12, encoding=Encoding(tile=(128, 128)))
    two_channels = tmp_path / "two.jp2"
    make_jp2(two_channels, 40, 30, channels=1, bits=4)
    with gpu_decoder() as (child, address), gpu_client() as client:
        use = GpuUse(address, compare=False, lossy=False)
        for path in paths:
            by_cpu, plain = convert(path, None, client)
            by_gpu, taken = convert(path, use, client)
            by_both, compared = convert(path, structs.replace(use, compare=True), client)
            assert by_cpu == by_gpu == by_both
            assert plain.gpu is None
            assert taken.gpu == GpuOutcome()
            assert taken.gpu.decoded
            assert [one.done.decoded for one in (plain, taken, compared)] == ["whole", "gpu", "whole"]
            assert compared.gpu == GpuOutcome(compared=True)
        _, refused = convert(two_channels, use, client)
        assert refused.gpu == GpuOutcome(refused="bits of a sample")
        assert refused.done.decoded == "whole"
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: child.exit_code is not None, "the end of the process")
        after, gone = convert(paths[0], use, client)
        again, gone_again = convert(paths[0], use, client)
        assert after == again == convert(paths[0], None, client)[0]
        assert gone.gpu is not None and gone.gpu.gone
        assert gone_again.gpu is not None and gone_again.gpu.gone


def test_what_a_comparison_showed_is_told_also_if_the_image_fails_then(tmp_path: Path) -> None:
    path = tmp_path / "rgb.jp2"
    make_jp2(path, 300, 200)
    told: list[GpuOutcome | None] = []
    with gpu_decoder() as (_, address), gpu_client() as client:
        compared = structs.replace(job(path), gpu=GpuUse(address, compare=True, lossy=False))
        with pytest.raises(ImageError) as failed:  # because there is no directory to write to
            convert_image(compared, lambda stage: None, client, told.append)
    assert failed.value.failure.stage is Stage.ENCODING
    assert told == [None, GpuOutcome(compared=True)], "it was asked, and compared"


def test_what_the_library_says_is_not_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken, whole = tmp_path / "broken.j2k", tmp_path / "whole.j2k"
    make_codestream(whole, 251, 183)
    data = bytearray(whole.read_bytes())
    data[-400:-100] = os.urandom(300)
    broken.write_bytes(data[:-250])
    with gpu_decoder() as (_, address), gpu_client() as client, Jp2File.open(broken) as file:
        client.decode(GpuUse(address, False, False), file, CodestreamFeatures())
        assert np.array_equal(decode(client, whole, address)[0], samples_of(whole))
    assert capfd.readouterr().err == ""


def test_what_is_too_large_for_the_card_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = tmp_path / "large.j2k", tmp_path / "small.j2k"
    make_codestream(large, 400, 300)
    make_codestream(small, 100, 80)
    monkeypatch.setenv(BACKEND_MEMORY, "2000000")
    with gpu_decoder() as (_, address), gpu_client() as client:
        assert decode(client, large, address)[1] == GpuOutcome(refused="too large for the memory of the card")
        assert np.array_equal(decode(client, small, address)[0], samples_of(small))


def test_a_worker_or_a_process_without_memory_to_share_decodes_with_openjpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rgb.j2k"
    make_codestream(path)
    none_left = GpuOutcome(refused="no memory left to share with the card")
    with gpu_decoder() as (child, address), gpu_client() as client:

        def refuse(*arguments: object) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        with monkeypatch.context() as short:
            short.setattr(os, "memfd_create", refuse)
            assert decode(client, path, address)[1] == none_left
        with monkeypatch.context() as short:
            short.setattr(socket, "socket", refuse)
            assert decode(client, path, address)[1] == none_left
        assert decode(client, path, address)[1] == GpuOutcome()
        larger = tmp_path / "larger.j2k"
        make_codestream(larger, 640, 480)
        descriptors = len(os.listdir(f"/proc/{child.pid}/fd"))  # noqa: PTH208
        _, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (descriptors, hard))
        assert decode(client, larger, address)[1] == none_left, "the process gets no descriptor for it"
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (hard, hard))
        assert np.array_equal(decode(client, larger, address)[0], samples_of(larger))
        assert child.exit_code is None


_SLOW = """
import time
calls = []
class Decoder:
    def __init__(self, *arguments, **options):
        self.real = real.Decoder(*arguments, **options)
    def decode(self, *arguments, **options):
        calls.append(0)
        time.sleep({1: 0.0, 2: 1.0}.get(len(calls), 60.0))  # a slow one, and then one that hangs
        return self.real.decode(*arguments, **options)
"""


def test_a_worker_waits_for_a_process_at_work_and_not_for_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rgb.j2k"
    make_codestream(path)
    monkeypatch.syspath_prepend(lying_library(tmp_path / "slow", _SLOW))
    monkeypatch.setattr(client_module, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(pulse, "_ANSWERS_WITHIN_S", 0.5)
    with gpu_decoder() as (child, address), gpu_client() as client:
        assert np.array_equal(decode(client, path, address)[0], samples_of(path)), "five times its patience"
        assert pulse.is_at_work(address)
        os.kill(child.pid, signal.SIGSTOP)
        assert decode(client, path, address)[1].gone.startswith("no answer for ")
        os.kill(child.pid, signal.SIGKILL)
    beat = pulse.Pulse("\0photostat-test-of-pulse")
    assert pulse.is_at_work("\0photostat-test-of-pulse")
    beat.expect(-pulse.TURN_S)
    assert not pulse.is_at_work("\0photostat-test-of-pulse"), "its turn takes too long"
    assert not pulse.is_at_work("\0photostat-test-of-nothing")


_FAILS = """
import os
class Decoder:
    def __init__(self, *arguments, **options):
        self.real, self.asked = real.Decoder(*arguments, **options), 0
    def decode(self, *arguments, **options):
        self.asked += 1
        if self.asked == 1:
            return self.real.decode(*arguments, **options)
        os.write(1, b"nvjpeg says hello")
        raise RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS")
"""


def test_why_the_process_ends_is_told_before_workers_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rgb.j2k"
    make_codestream(path)
    monkeypatch.syspath_prepend(lying_library(tmp_path / "fails", _FAILS))
    with gpu_decoder() as (child, address), gpu_client() as client:
        assert decode(client, path, address)[1].gone
        assert list(child.messages())[-1] == GpuFailed("CUDA_ERROR_ILLEGAL_ADDRESS")
        wait_until(lambda: child.exit_code is not None, "the end of the process")
    written = capfd.readouterr()
    assert "RuntimeError: CUDA_ERROR_ILLEGAL_ADDRESS" in written.err, "the log has where"
    assert written.out == ""


@pytest.mark.parametrize(
    ("lies", "told"),
    [
        ("del BackendKind", GpuUnusable),  # a library of another version
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", GpuUnusable),
        ("def Decoder(*a, **b): raise RuntimeError('CUDA_ERROR_OUT_OF_MEMORY')", GpuFailed),
    ],
)
def test_what_cannot_be_used_is_told_and_what_may_be_used_later_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies: str, told: type[GpuFailed | GpuUnusable]
) -> None:
    monkeypatch.syspath_prepend(lying_library(tmp_path, lies))
    child = Child("photostat-gpu", gpu_decoder_main, None)
    try:
        assert child.connection.poll(STARTS_WITHIN_S)
        answer = child.connection.recv()
        assert isinstance(answer, told)
        assert answer.why.startswith("nvImageCodec ") == (told is GpuUnusable)
    finally:
        assert child.close(10.0)
