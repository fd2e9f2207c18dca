"""The decoding process of a GPU, for a deep check: what it makes of the sample, by the way that a run takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.config import EngineSettings
from engine.deep_check.results import GPU, Comparison, OtherDecoder, Outcome
from engine.gpu.cards import cards
from engine.gpu_messages import GpuFailed, GpuReady, GpuUnusable, GpuUse
from engine.messages import Quit
from engine.processes.child import Child, describe_exit
from engine.processes.gpu_decoder import gpu_decoder_main

if TYPE_CHECKING:
    from engine.jp2.jp2_file import Jp2File

_STARTS_WITHIN_S = 120.0
_ENDS_WITHIN_S = 10.0
_LOSSY_TOLERANCE = 1
"""As in a run."""


@dataclass(frozen=True)
class CheckedGpu:
    """The first GPU that a run would use, while its process runs."""

    decoder: OtherDecoder
    use: GpuUse | None
    """None if it cannot be used; `decoder` says why."""


@contextmanager
def gpu_for_check(settings: EngineSettings) -> Iterator[CheckedGpu | None]:
    """None where a run would use none."""
    card = next(iter(cards()), None) if settings.gpu != "off" else None
    if card is None:
        yield None
        return
    child = Child("photostat-gpu-check", gpu_decoder_main, card.device)
    try:
        name, use, problem = _started(child, card.name, lossy=settings.gpu_lossy)
        yield CheckedGpu(OtherDecoder(GPU, name, "decodes in a run too", False, problem=problem), use)
    finally:
        child.send(Quit())
        child.close(_ENDS_WITHIN_S)


def _started(child: Child, name: str, *, lossy: bool) -> tuple[str, GpuUse | None, str]:
    """Its name, how it is asked, and why it is not."""
    try:
        answer = child.connection.recv() if child.connection.poll(_STARTS_WITHIN_S) else None
    except (EOFError, OSError):
        child.wait(_ENDS_WITHIN_S)
        return name, None, f"its process {describe_exit(child.exit_code)}"
    match answer:
        case GpuReady():
            return answer.name, GpuUse(answer.address, compare=False, lossy=lossy), ""
        case GpuUnusable() | GpuFailed():
            return name, None, answer.why
    return name, None, f"it is not ready after {_STARTS_WITHIN_S:.0f} s"


def compared_with_gpu(file: Jp2File, use: GpuUse) -> Comparison:
    """With all of the image decoded by OpenJPEG. Raises ImageError if it cannot be read or decoded."""
    from engine.deep_check.comparing import bands, compare
    from engine.gpu.client import GpuClient
    from engine.jp2.decoding.openjpeg import DecoderMessages, open_decoder
    from engine.jp2.validation.validate import check_structure

    features = check_structure(file).features
    client = GpuClient()
    try:
        samples, outcome = client.decode(use, file, features)
        if samples is None:
            return Comparison(GPU, Outcome.NO_OPINION, message=outcome.refused or outcome.gone)
        header = file.header
        with open_decoder(file.path, header.container, DecoderMessages(), patches=features.patches) as ours:
            ours.whole()
            planes = [plane.samples for plane in ours.planes()]
            tolerance = 0 if header.reversible else _LOSSY_TOLERANCE
            return compare(GPU, bands(samples), planes, [tolerance] * len(planes))
    finally:
        client.close()
