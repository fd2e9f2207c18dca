"""`photostat check`: looks at all there is before a run and changes nothing: what will not work, how much there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from engine.config import Config, JpegSettings
from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, nearest
from engine.jp2.survey import examine_source
from engine.jpeg.limits import check_sides
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.memory.admission_types import NeverFits
from engine.memory.available import MemoryReader, parse_floor
from engine.memory.prediction import DoesNotFit, choose_plan, slowdown
from engine.messages import DecodeMode, Plan, Surveyed, SurveyRequest
from engine.processes.share_check import why_share_is_away
from engine.scratch import sources_in_scratch, write_problem
from engine.store.base import StoreError
from engine.store.open import open_store
from engine.workspace import Workspace, path_variants, scratch_conflict

_READERS = 8
_CHUNK = 512
CPU_S_PER_MEGASAMPLE = 0.066
"""Lossless JPEG 2000 to JPEG on one core: 39 megapixels of RGB in 7.9 s (measured; bench/README.md)."""
JPEG_SHARE = 0.45
"""JPEG at quality 92 over lossless JP2, bytes: 7.23 TB became 2.93 TB at 0.41, the demo collection 0.45."""
_STORE_ADVICE = {
    Cause.STORE_UNAVAILABLE: "See whether url and endpoint under [store] are right and the store is up, "
    "then check again.",
    Cause.STORE_DENIED: "Correct the credentials, or the rights of whoever runs photostat there, then check again.",
    Cause.DISK_FULL: "Free space where the store is, then check again.",
}
"""Where the trouble itself says no better: before a run there is nothing to resume or requeue."""


@dataclass(frozen=True)
class Finding:
    """An image that would fail, and why."""

    image_id: int
    batch: str
    source: str
    target: str
    failure: Failure


@dataclass
class Preflight:
    """The sums over all images looked at; `megapixels` and bytes are of those that can be converted."""

    images: int = 0
    megapixels: float = 0.0
    source_bytes: int = 0
    cpu_s: float = 0.0
    strips: int = 0
    largest_need_bytes: int = 0
    largest_target: str = ""
    capacity_bytes: int = 0
    workers: int = 1
    seconds_taken: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    store_trouble: Failure | None = None
    scratch_trouble: str | None = None
    """Why scratch cannot be where the settings say."""
    share_trouble: str | None = None
    """The sources' share seems not to be mounted."""
    warnings: list[str] = field(default_factory=list)
    """What does no harm but is hardly meant."""

    @property
    def predicted_seconds(self) -> float:
        return self.cpu_s / self.workers

    @property
    def predicted_jpeg_bytes(self) -> int:
        return int(self.source_bytes * JPEG_SHARE)

    @property
    def is_clean(self) -> bool:
        return not self.findings and self.store_trouble is None and self.scratch_trouble is None


def check(
    workspace: Workspace, config: Config, workers: int, batch: str | None, told: Callable[[int], None]
) -> Preflight:
    """Looks at every image that is pending or failed, short of its pixels; `told` hears of how many so far."""
    started = time.monotonic()
    memory = MemoryReader(config.engine.memory_limit).read()
    floor = parse_floor(config.engine.memory_floor, memory.total_bytes)
    result = Preflight(workers=workers, capacity_bytes=memory.total_bytes - floor)
    result.store_trouble = _try_store(workspace, config)
    sources = workspace.source_dir(config)
    root = str(sources) if config.manifest.root else ""
    result.scratch_trouble = _try_scratch(workspace, config)
    with LedgerReader(workspace) as reader, ThreadPoolExecutor(_READERS) as pool:

        def away(request: SurveyRequest) -> str | None:
            neighbours = reader.neighbours_of(request.image_id)
            return why_share_is_away(request.source_path, request.uuid, neighbours, root)

        result.warnings += _unknown_batches(config, list(reader.account()))
        rows = _open_rows(reader, batch)
        while chunk := list(islice(rows, _CHUNK)):
            requests = [SurveyRequest(row.id, str(sources / row.source), row.uuid) for row in chunk]
            for row, request, found in zip(chunk, requests, pool.map(_look, requests), strict=True):
                _add(result, config, row, request, found, away)
            told(result.images)
    result.seconds_taken = time.monotonic() - started
    return result


def _open_rows(reader: LedgerReader, batch: str | None) -> Iterator[ImageRow]:
    yield from reader.iterate(batch, "pending")
    yield from reader.iterate(batch, "failed")


def _look(request: SurveyRequest) -> Surveyed | Failure:
    try:
        return examine_source(request)
    except ImageError as error:
        return error.failure


def _add(
    result: Preflight,
    config: Config,
    row: ImageRow,
    request: SurveyRequest,
    found: Surveyed | Failure,
    away: Callable[[SurveyRequest], str | None],
) -> None:
    result.images += 1
    if isinstance(found, Surveyed):
        jpeg = config.jpeg_for(row.batch)
        plan = choose_plan(found, result.capacity_bytes, jpeg=jpeg)
        failure = _too_large(jpeg, found) or _no_room(result, row, jpeg, plan)
        if isinstance(plan, Plan) and failure is None:
            _sum_up(result, row, found, plan)
    else:
        failure = found
        if found.cause in SOURCE_CAUSES and result.share_trouble is None:
            result.share_trouble = away(request)
    if failure is None and row.cause == Cause.TARGET_COLLISION:
        failure = Failure(Cause.TARGET_COLLISION, Stage.MANIFEST, row.message or "two rows have this target")
    if failure is not None:
        result.findings.append(Finding(row.id, row.batch, request.source_path, row.target, failure))


def _too_large(jpeg: JpegSettings, found: Surveyed) -> Failure | None:
    try:
        check_sides(found.width, found.height, jpeg.oversize)
    except ImageError as error:
        return error.failure
    return None


def _no_room(result: Preflight, row: ImageRow, jpeg: JpegSettings, plan: Plan | DoesNotFit) -> Failure | None:
    if isinstance(plan, Plan):
        return None
    return NeverFits(row.id, plan.needed_bytes, result.capacity_bytes, jpeg).failure()


def _sum_up(result: Preflight, row: ImageRow, found: Surveyed, plan: Plan) -> None:
    megapixels = found.width * found.height / 1e6
    result.megapixels += megapixels
    result.source_bytes += found.source_bytes
    result.cpu_s += megapixels * max(found.components, 1) * CPU_S_PER_MEGASAMPLE * slowdown(found, plan)
    result.strips += plan.mode is DecodeMode.STRIPS
    if plan.predicted_bytes > result.largest_need_bytes:
        result.largest_need_bytes, result.largest_target = plan.predicted_bytes, row.target


def _unknown_batches(config: Config, known: list[str]) -> list[str]:
    """Settings for batches that the ledger does not have, or not yet."""
    found = []
    for name in config.batch_jpeg:
        if name not in known:
            meant = nearest(name, known)
            advice = f": did you mean {meant}?" if meant else ""
            found.append(f"[batch.{name}.jpeg] is for no batch of the ledger{advice}")
    return found


def _try_scratch(workspace: Workspace, config: Config) -> str | None:
    place = workspace.scratch_dir(config)
    fault = scratch_conflict(place, workspace.root, config, really=True)
    with LedgerReader(workspace) as reader:
        for directory in path_variants(place):
            if fault is None and (source := reader.source_within(directory)):
                fault = sources_in_scratch(source)
    fault = fault and f"{place}: {fault}"
    return fault or write_problem(place)


def _try_store(workspace: Workspace, config: Config) -> Failure | None:
    with LedgerReader(workspace) as reader:
        images_done = reader.figures().totals.done
    store = open_store(config.store, workspace.root, images_done)
    try:
        store.probe()
        store.write_probe()
    except StoreError as fault:
        failure = fault.failure
        advice = _STORE_ADVICE.get(failure.cause, "") if fault.never_answered or not failure.hint else ""
        return replace(failure, hint=advice) if advice else failure
    finally:
        store.close()
    return None
