"""`photostat check --deep`: its sample, its run with progress, and how its report is printed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from msgspec import structs

from engine.config import Config
from engine.deep_check.gpu import gpu_for_check
from engine.deep_check.results import (
    GPU,
    Comparison,
    DecodedImage,
    DeepReport,
    OtherDecoder,
    Outcome,
    SampledImage,
)
from engine.deep_check.run import DeepCheck, needed_bytes, probe_decoders
from engine.deep_check.sample import KindSample
from engine.formatting import counted, duration, integer
from engine.ledger.models import ImageRow
from engine.memory.available import MemoryReader, parse_floor
from engine.messages import Surveyed
from engine.preflight.check import memory_capacity
from tui.commands.shared.output import print_line, print_table
from tui.commands.shared.progress import spinner

_SHOWN = 50
"""Differences that the text lists; --json has them all."""
_MODES_DIFFER = (
    "photostat's decode modes do not agree about this kind of file: do not convert it, and report it, "
    "with a file."
)
_DECODERS_DIFFER = (
    "One of two decoders is wrong. Compare the file with what another viewer shows; if photostat is wrong, do not "
    "convert this kind, and report it with a file."
)
_GPU_DIFFERS = (
    "A run would notice: it compares the first images of each kind, and decodes this kind without the GPU then. Report "
    "it with a file."
)


class DeepSample:
    """Takes the headers that `check` reads, and decodes a sample of each kind afterwards."""

    def __init__(self, config: Config, size: int, seed: int) -> None:
        self._config = config
        self._capacity_bytes = memory_capacity(config)
        self._sample = KindSample(size, seed)
        self.read = 0
        """Headers."""

    def add(self, row: ImageRow, source_path: str, found: Surveyed) -> None:
        if found.kind is None:
            return
        self.read += 1
        image = SampledImage(row.id, source_path, row.target, found, found.kind)
        self._sample.add(image, fits=needed_bytes(found) <= self._capacity_bytes)

    def decode(self, workers: int, images: int) -> DeepReport:
        """Prints its progress on stderr; ends early, with what it has, at Ctrl-C."""
        memory = MemoryReader(self._config.engine.memory_limit)
        floor = parse_floor(self._config.engine.memory_floor, memory.read().total_bytes)
        engine = self._config.engine
        settings = engine if self._sample.images() else structs.replace(engine, gpu="off")
        with spinner("Looking for other decoders") as show, gpu_for_check(settings) as gpu:
            decoders = probe_decoders() if self._sample.images() else ()
            check = DeepCheck(
                self._sample,
                decoders,
                workers,
                self._capacity_bytes,
                lambda: memory.read().available_bytes - floor,
                lambda done, total, now: show(f"{integer(done)} of {integer(total)} images compared  {now}"),
                gpu,
            )
            report = check.run()
        report.unread = images - self.read
        return report


def deep_document(report: DeepReport) -> dict[str, Any]:
    """The member `deep` of `check --json`."""
    return {
        "kinds": [
            kind.kind.to_json()
            | {"images": kind.images, "sampled": len(kind.sample), "compared": kind.decoded, "bad": kind.bad}
            for kind in report.kinds
        ],
        "unread": report.unread,
        "other_kinds": report.other_kinds,
        "decoders": [asdict(decoder) for decoder in report.decoders],
        "images": [_image_document(image) for image in report.images],
        "seconds": round(report.seconds_taken, 1),
        "interrupted": report.interrupted,
    }


def _image_document(image: DecodedImage) -> dict[str, Any]:
    failure = image.failure
    return {
        "id": image.image.image_id,
        "source": image.image.source_path,
        "target": image.image.target,
        "kind": image.image.kind.to_json(),
        "comparisons": [asdict(one) | {"outcome": one.outcome.value} for one in image.comparisons],
        "cause": failure.cause.value if failure else None,
        "message": failure.message if failure else None,
        "skipped": image.skipped or None,
    }


def print_deep(report: DeepReport) -> None:
    print_line()
    _print_kinds(report)
    if not report.images:
        return
    print_line()
    _print_decoders(report)
    _print_skipped(report)
    _print_bad(report)
    print_line()
    print_line(_verdict(report), bold=True)


def _print_kinds(report: DeepReport) -> None:
    if not report.kinds:
        print_line(
            "There are no images to compare: none is pending or failed with a header that can be read."
        )
        return
    rows = [
        (integer(kind.images), str(kind.decoded), str(kind.bad or "–"), kind.kind.describe())
        for kind in report.kinds
    ]
    print_table(("images", "compared", "bad", "kind"), rows, right=("images", "compared", "bad"))
    if report.other_kinds:
        print_line(f"{integer(report.other_kinds)} more images are of other kinds, too many to tell apart.")
    if report.unread:
        print_line(
            f"{counted(report.unread, 'image')} of no known kind: the header cannot be read (see above)."
        )


def _print_decoders(report: DeepReport) -> None:
    decoders = report.decoders
    for decoder in decoders:
        what = f"not asked: {decoder.problem}" if decoder.problem else decoder.relation
        print_line(f"{decoder.name} {decoder.version}: {what}{_agreement(report, decoder)}")
    if not any(decoder.independent and not decoder.problem for decoder in decoders):
        print_line(
            "No independent decoder is installed: ffmpeg has one, and a package in every distribution."
        )


def _agreement(report: DeepReport, decoder: OtherDecoder) -> str:
    """`; agrees about 20 images, differs about 1, has no opinion about 2`."""
    found = Counter(
        one.outcome for image in report.images for one in image.comparisons if one.way == decoder.name
    )
    words = ((Outcome.SAME, "agrees"), (Outcome.DIFFERS, "differs"), (Outcome.NO_OPINION, "has no opinion"))
    parts = [f"{word} about {counted(found[outcome], 'image')}" for outcome, word in words if found[outcome]]
    return f"; {', '.join(parts)}" if parts else ""


def _print_skipped(report: DeepReport) -> None:
    for image in [one for one in report.images if one.skipped and one.skipped != "interrupted"][:_SHOWN]:
        print_line(f"not compared: {image.image.source_path}: {image.skipped}")


def _print_bad(report: DeepReport) -> None:
    bad = [image for image in report.images if image.is_bad]
    names = {decoder.name for decoder in report.decoders}
    advice: set[str] = set()
    for image in bad[:_SHOWN]:
        for line, remedy in _lines(image, names):
            print_line()
            print_line(f"{image.image.image_id}  {image.image.source_path}: {line}")
            if remedy not in advice:
                advice.add(remedy)
                print_line(f"  {remedy}")
    if len(bad) > _SHOWN:
        print_line(f"... and {integer(len(bad) - _SHOWN)} more; --json lists them all")


def _lines(image: DecodedImage, decoders: set[str]) -> list[tuple[str, str]]:
    """What is wrong with an image, and what to do about it."""
    same = [one.way for one in image.comparisons if one.outcome is Outcome.SAME and one.way in decoders]
    agreeing = f"; photostat agrees with {', '.join(same)}" if same else ""
    found = [
        (_describe(one) + agreeing, _GPU_DIFFERS if one.way == GPU else _DECODERS_DIFFER)
        if one.way in decoders
        else (_describe(one), _MODES_DIFFER)
        for one in image.comparisons
        if one.is_bad
    ]
    if image.failure is not None:
        failure = image.failure
        found.append((f"cannot be decoded, {failure.cause}: {failure.message}", failure.remedy))
    return found


def _describe(one: Comparison) -> str:
    if one.outcome is Outcome.FAILED:
        return f"decoded by {one.way} it fails: {one.message}"
    if one.message:
        return f"{one.way} differs from whole: {one.message}"
    share = f"{integer(one.different)} of {integer(one.samples)} samples"
    return f"{one.way} differs from whole in {share}, by up to {integer(one.largest)}, first at {one.place}"


def _verdict(report: DeepReport) -> str:
    compared = sum(kind.decoded for kind in report.kinds)
    took = f"{counted(compared, 'image')} of {counted(len(report.kinds), 'kind')} compared in " + duration(
        report.seconds_taken
    )
    bad = sum(kind.bad for kind in report.kinds)
    found = "no difference" if not bad else f"{integer(bad)} with differences or failures"
    stopped = "stopped by Ctrl-C: " if report.interrupted else ""
    lossless = "Lossless files must be equal in every sample; of lossy ones 8-bit samples may differ by 1 between modes"
    return f"{stopped}{took}: {found}. {lossless} and by 2 between decoders."
