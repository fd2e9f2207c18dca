"""Decodes a sample in child processes, as many at a time as memory and cores allow, and gathers what they find."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Any

from engine.deep_check.child import child_main
from engine.deep_check.gpu import CheckedGpu
from engine.deep_check.results import (
    WHOLE,
    Comparison,
    DecodedImage,
    DecodeImage,
    DeepReport,
    OtherDecoder,
    Outcome,
    ProbeDecoders,
    SampledImage,
)
from engine.deep_check.sample import KindSample
from engine.failures import Cause, Failure, Stage
from engine.formatting import memory_size
from engine.memory.prediction import predict
from engine.messages import DecodeMode, Plan, Surveyed
from engine.processes.child import Child, describe_exit

_PICTURES = 3
"""Times the memory of decoding whole: the picture, the other one, and another program that decodes."""
_ADDRESS_SPACE_BYTES = 4 << 30
"""More than what is used: libraries and threads reserve addresses that they never fill."""
_LEAST_TIMEOUT_S = 300.0
_S_PER_MEGASAMPLE = 5.0
"""Twenty times what decoding takes (0.2 s a megapixel of RGB): a share or a machine may be busy."""
_PROBE_TIMEOUT_S = 120.0
_LOOK_EVERY_S = 0.5
_ENDS_WITHIN_S = 10.0
"""After its pipe has closed."""

Progress = Callable[[int, int, str], None]
"""Images decoded, of how many, and what is done now."""


def needed_bytes(surveyed: Surveyed) -> int:
    """What decoding in every way and comparing takes."""
    return _PICTURES * predict(surveyed, Plan(DecodeMode.WHOLE))


def timeout_s(surveyed: Surveyed) -> float:
    """For one way of decoding."""
    megasamples = surveyed.width * surveyed.height * surveyed.components / 1e6
    return _LEAST_TIMEOUT_S + _S_PER_MEGASAMPLE * megasamples


def probe_decoders() -> tuple[OtherDecoder, ...]:
    """The other decoders that are installed, each tried on a known picture; none if that cannot be found out."""
    child = Child("photostat deep check", child_main, ProbeDecoders())
    try:
        if child.connection.poll(_PROBE_TIMEOUT_S):
            found: tuple[OtherDecoder, ...] = child.connection.recv()
            return found
    except (EOFError, OSError):
        return ()
    finally:
        child.kill()
        child.close()
    return ()


@dataclass
class _Running:
    """A child at work on an image."""

    child: Child
    folder: tempfile.TemporaryDirectory[str]
    image: SampledImage
    needed_bytes: int
    limit_s: float
    step: str = WHOLE
    step_since: float = field(default_factory=time.monotonic)
    comparisons: list[Comparison] = field(default_factory=list)
    failure: Failure | None = None
    is_complete: bool = False

    def take(self, message: Any) -> None:
        self.step_since = time.monotonic()
        if isinstance(message, str):
            self.step = message
        elif isinstance(message, Comparison):
            self.comparisons.append(message)
            self.step = ""
        else:
            self.failure, self.is_complete = message, True

    def end(self, how: str, names: Sequence[str]) -> None:
        """The child is gone before its last message: the step it was at is at fault."""
        if self.step in ("", WHOLE):
            self.failure = Failure(Cause.WORKER_CRASHED, Stage.DECODING, f"the process that decoded it {how}")
        elif self.step in names:
            self.comparisons.append(Comparison(self.step, Outcome.NO_OPINION, message=f"its process {how}"))
        else:
            self.comparisons.append(Comparison(self.step, Outcome.FAILED, message=f"the process {how}"))

    def close(self) -> None:
        """Also of a child that is still at work."""
        self.child.kill()
        self.child.close()
        self.folder.cleanup()

    def result(self) -> DecodedImage:
        return DecodedImage(self.image, tuple(self.comparisons), self.failure)


class DeepCheck:
    """One run; `available_bytes` gives the memory that may be taken now, `capacity_bytes` what can be had at most."""

    def __init__(
        self,
        sample: KindSample,
        decoders: tuple[OtherDecoder, ...],
        workers: int,
        capacity_bytes: int,
        available_bytes: Callable[[], int],
        progress: Progress,
        gpu: CheckedGpu | None = None,
    ) -> None:
        self._decoders = decoders
        self._gpu = None if gpu is None else gpu.use
        told = decoders if gpu is None else (*decoders, gpu.decoder)
        self._names = [decoder.name for decoder in told]
        self._workers = workers
        self._capacity_bytes = capacity_bytes
        self._available_bytes = available_bytes
        self._progress = progress
        self._waiting = sample.images()
        self._total = len(self._waiting)
        self._running: list[_Running] = []
        self._kinds = {kind.kind: kind for kind in sample.kinds()}
        self._done = 0
        self.report = DeepReport(list(self._kinds.values()), told, other_kinds=sample.other_kinds)

    def run(self) -> DeepReport:
        """Until all is compared, or Ctrl-C: the report has what was compared by then, and what was not."""
        started = time.monotonic()
        try:
            while self._waiting or self._running:
                self._start()
                self._gather()
        except KeyboardInterrupt:
            self.report.interrupted = True
        finally:
            for running in self._running:
                running.close()
        for image in [*(running.image for running in self._running), *self._waiting]:
            self._add(DecodedImage(image, skipped="interrupted"))
        self.report.seconds_taken = time.monotonic() - started
        return self.report

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._workers:
            image = self._waiting[0]
            needed = needed_bytes(image.surveyed)
            if needed > self._capacity_bytes:
                self._waiting.pop(0)
                need, capacity = memory_size(needed), memory_size(self._capacity_bytes)
                self._add(DecodedImage(image, skipped=f"comparing it takes {need}, and there are {capacity}"))
                continue
            claimed = sum(running.needed_bytes for running in self._running)
            if self._running and needed + claimed > self._available_bytes():
                return
            self._waiting.pop(0)
            limit_s = timeout_s(image.surveyed)
            folder = tempfile.TemporaryDirectory(prefix="photostat-check-")
            request = DecodeImage(
                image, self._decoders, folder.name, 2 * needed + _ADDRESS_SPACE_BYTES, limit_s, self._gpu
            )
            child = Child("photostat deep check", child_main, request)
            self._running.append(_Running(child, folder, image, needed, limit_s))

    def _gather(self) -> None:
        ready = wait([one.child.connection for one in self._running], _LOOK_EVERY_S)
        for running in [one for one in self._running if one.child.connection in ready]:
            self._read(running)
        for running in list(self._running):
            if not running.is_complete and time.monotonic() > running.step_since + 2 * running.limit_s:
                running.child.kill()
                self._finish(running, f"was not done after {2 * running.limit_s:.0f} s")
        now = ", ".join(f"{one.image.target}: {one.step or 'comparing'}" for one in self._running[:1])
        self._progress(self._done, self._total, now)

    def _read(self, running: _Running) -> None:
        try:
            running.take(running.child.connection.recv())
        except (EOFError, OSError):
            running.child.wait(_ENDS_WITHIN_S)
            self._finish(running, describe_exit(running.child.exit_code))
            return
        if running.is_complete:
            self._finish(running)

    def _finish(self, running: _Running, how: str = "") -> None:
        if how:
            running.end(how, self._names)
        self._running.remove(running)
        running.close()
        self._done += 1
        self._add(running.result())

    def _add(self, image: DecodedImage) -> None:
        self._kinds[image.image.kind].sample.append(image)
