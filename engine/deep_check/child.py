"""The child process of a deep check: decodes one image in every way and compares; a hostile file ends only it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.deep_check.results import (
    GPU,
    WHOLE,
    Comparison,
    DecodeImage,
    OtherDecoder,
    Outcome,
    ProbeDecoders,
)
from engine.failures import Cause, Failure, ImageError, Stage, one_line
from engine.memory.usage import OOM_FIRST, set_oom_score
from engine.processes.child import tie_to_parent

if TYPE_CHECKING:
    from engine.jp2.codestream.features import CodestreamFeatures
    from engine.jp2.decoding.colour import ColourPlan
    from engine.jp2.jp2_file import Jp2File
    from engine.messages import Plan

_LEAST_STRIPS = 3
_COPIED_BYTES = 1 << 20
_LOSSY_MODES_TOLERANCE = 1
"""Of 8-bit samples: the wavelet 9-7 is computed in floating point, area by area."""
_LOSSY_DECODERS_TOLERANCE = 2
"""Of 8-bit samples, and in proportion of deeper ones: the standard leaves the arithmetic to the decoder. Measured: 1
between OpenJPEG and FFmpeg."""


def child_main(
    connection: Connection[Any, Any], parent_pid: int, request: ProbeDecoders | DecodeImage
) -> None:
    """Sends the name of each step before it (str), then its Comparison; in the end None, or the Failure."""
    tie_to_parent(parent_pid, killed_first=True)
    set_oom_score(OOM_FIRST)
    if isinstance(request, ProbeDecoders):
        from engine.deep_check.other_decoders import find_decoders

        connection.send(find_decoders())
        return
    resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes, request.memory_bytes))
    connection.send(WHOLE)
    try:
        for step in _steps(request):
            connection.send(step)
        connection.send(None)
    except ImageError as error:
        connection.send(error.failure)
    except MemoryError:
        connection.send(Failure(Cause.OUT_OF_MEMORY, Stage.DECODING, "no memory for the pixels"))
    except Exception as error:  # noqa: BLE001 - whatever a library raises costs this image only
        connection.send(Failure(Cause.INTERNAL, Stage.DECODING, one_line(f"{type(error).__name__}: {error}")))


def _steps(request: DecodeImage) -> Iterator[str | Comparison]:
    from engine.jp2.jp2_file import Jp2File

    folder = Path(request.folder)
    with Jp2File.open(request.image.source_path) as file:
        yield from _by_mode(file, folder)
        if request.gpu is not None:
            from engine.deep_check.gpu import compared_with_gpu

            yield GPU
            yield compared_with_gpu(file, request.gpu)
        yield from _by_other_decoders(file, request, folder)


def _by_mode(file: Jp2File, folder: Path) -> Iterator[str | Comparison]:
    """Raises ImageError if the image cannot be decoded whole."""
    from engine.deep_check.comparing import bands, compare
    from engine.jp2.decoding.colour import plan_colour
    from engine.jp2.decoding.decode import decoded
    from engine.jp2.decoding.openjpeg import DecoderMessages
    from engine.jp2.validation.validate import check_structure
    from engine.messages import DecodeMode, Plan

    features, colour_plan = check_structure(file).features, plan_colour(file.header)

    def picture(plan: Plan) -> Any:
        return decoded(file, features, plan, colour_plan, DecoderMessages(), folder / "pixels")

    tolerance = modes_tolerance(file.header.reversible, colour_plan)
    with picture(Plan(DecodeMode.WHOLE)) as reference:
        for plan in _other_plans(file, features):
            yield plan.mode.value
            try:
                with picture(plan) as other:
                    ours, theirs = bands(reference.pixels), bands(other.pixels)
                    yield compare(plan.mode.value, theirs, ours, [tolerance] * len(ours))
            except ImageError as error:
                yield Comparison(plan.mode.value, Outcome.FAILED, message=error.failure.message)


def modes_tolerance(reversible: bool, plan: ColourPlan) -> int:
    """The largest difference of two pixels that is none: of a sample's rounding, through the colour plan."""
    from engine.jp2.decoding.colour import ColourModel

    if reversible:
        return 0
    most = _LOSSY_MODES_TOLERANCE
    if plan.model is ColourModel.YCC:
        most *= 2  # Cb counts 1.772 times in blue (IEC 61966-2-1)
    return most * 257 if plan.wide else most


def _other_plans(file: Jp2File, features: CodestreamFeatures) -> Iterator[Plan]:
    """In every mode beside whole decoding that a run may choose for this file."""
    from engine.jp2.decoding.mode_rules import DecodeWay, fault_of
    from engine.memory.prediction import STRIP_ROWS
    from engine.messages import DecodeMode, Plan

    if file.header.tiles_stand_alone:
        yield Plan(DecodeMode.TILES)
    elif fault_of(DecodeWay.STRIPS_ON_FRESH_CODECS, features) is None:
        rows = -(-file.header.height // _LEAST_STRIPS)
        yield Plan(DecodeMode.STRIPS, strip_rows=min(STRIP_ROWS, rows))


def _by_other_decoders(file: Jp2File, request: DecodeImage, folder: Path) -> Iterator[str | Comparison]:
    """By its codestream alone, as it is in the file."""
    from engine.deep_check.comparing import compare
    from engine.deep_check.other_decoders import Task, decoder_named
    from engine.deep_check.programs import NoOpinion
    from engine.jp2.decoding.openjpeg import DecoderMessages, open_decoder
    from engine.jp2.validation.validate import check_structure

    header, features = file.header, check_structure(file).features
    unable = {
        decoder.name: why
        for decoder in request.decoders
        if not decoder.problem and (why := _why_not(decoder, features))
    }
    for name, why in unable.items():
        yield Comparison(name, Outcome.NO_OPINION, message=why)
    names = [one.name for one in request.decoders if not one.problem and one.name not in unable]
    if not names:
        return
    codestream = folder / "codestream.j2k"
    _copy(file, codestream)
    task = Task(codestream, header.components, folder, request.memory_bytes, request.timeout_s)
    tolerance = [_tolerance(part.bits, header.reversible) for part in header.components]
    with open_decoder(file.path, header.container, DecoderMessages(), patches=features.patches) as ours:
        ours.whole()
        planes = [plane.samples for plane in ours.planes()]
        for name in names:
            yield name
            try:
                yield compare(name, decoder_named(name).planes(task), planes, tolerance)
            except NoOpinion as error:
                yield Comparison(name, Outcome.NO_OPINION, message=one_line(str(error)))


def _why_not(decoder: OtherDecoder, features: CodestreamFeatures) -> str:
    if features.high_throughput and not decoder.reads_high_throughput:
        return "it does not decode a known picture with HT code-blocks right"
    return ""


def _tolerance(bits: int, reversible: bool) -> int:
    return 0 if reversible else _LOSSY_DECODERS_TOLERANCE << max(0, bits - 8)


def _copy(file: Jp2File, target: Path) -> None:
    start, end = file.header.codestream_offset, min(file.header.codestream_end, file.reader.size)
    with target.open("wb") as stream:
        for at in range(start, end, _COPIED_BYTES):
            stream.write(file.reader.read(at, min(_COPIED_BYTES, end - at)))
