"""An image's pixels: by the GPU if its job says so and it can, else by OpenJPEG; by both where they are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from engine.gpu.client import GpuClient
from engine.gpu.comparison import SampleComparison
from engine.gpu_messages import GpuOutcome
from engine.jp2.codestream.features import CodestreamFeatures
from engine.jp2.decoding.colour import ColourPlan
from engine.jp2.decoding.decode import Picture, decoded, possible_mode
from engine.jp2.decoding.given_samples import picture_of_samples
from engine.jp2.decoding.openjpeg import DecoderMessages
from engine.jp2.decoding.pixel_memory import PixelMemory
from engine.jp2.jp2_file import Jp2File
from engine.messages import Job, PixelsBy


class Decoding:
    """Of one image; `gpu` and `memory` are the worker's.

    `on_gpu` is told when it is asked (None), and at once what came of that.
    """

    def __init__(
        self,
        job: Job,
        gpu: GpuClient,
        on_gpu: Callable[[GpuOutcome | None], None],
        memory: PixelMemory | None,
    ) -> None:
        self._job, self._gpu, self._on_gpu, self._memory = job, gpu, on_gpu, memory
        self.by: PixelsBy | None = None
        """None before the pixels are there."""

    @contextmanager
    def picture(
        self,
        file: Jp2File,
        features: CodestreamFeatures,
        colour_plan: ColourPlan,
        messages: DecoderMessages,
        pixel_file: Path,
    ) -> Iterator[Picture]:
        """Raises as `decoded` does: the GPU's faults are none of the image."""
        use, plan = self._job.gpu, self._job.plan
        self.by = PixelsBy(possible_mode(file.header, plan.mode).value)
        if use is None:
            with decoded(
                file, features, plan, colour_plan, messages, pixel_file, memory=self._memory
            ) as picture:
                yield picture
            return
        if self._memory is not None:
            self._memory.release()
        samples, outcome = self._gpu.decode(use, file, features, lambda: self._on_gpu(None))
        if samples is None:
            self._on_gpu(outcome)
            with decoded(file, features, plan, colour_plan, messages, pixel_file) as picture:
                yield picture
        elif use.compare:
            comparison = SampleComparison(samples, lossy=not file.header.reversible)
            with decoded(file, features, plan, colour_plan, messages, pixel_file, comparison.see) as picture:
                self._on_gpu(structs.replace(outcome, compared=True, differs=comparison.difference()))
                yield picture
        else:
            self._on_gpu(outcome)
            self.by = PixelsBy.GPU
            yield picture_of_samples(file.header, colour_plan, samples)
