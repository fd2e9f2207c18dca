"""`photostat check`: predicts before a run what will fail and how long the rest takes; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from engine.config import Config
from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, nearest
from engine.files.bounded_reads import BoundedReads, NoAnswer, read_within
from engine.jp2.survey import examine_source
from engine.jpeg.limits import check_sides
from engine.ledger.known_store import known_store
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.memory.admission_types import NeverFits
from engine.memory.available import MemoryReader, parse_floor
from engine.memory.prediction import choose_plan, slowdown
from engine.messages import DecodeMode, Plan, Surveyed, SurveyRequest
from engine.processes.share_check import why_share_is_away
from engine.processes.uploader import outcome_of
from engine.scratch import sources_in_scratch, write_problem
from engine.store.base import StoreError, StoreStep, StoreTrial
from engine.store.open import open_store
from engine.workspace import Workspace, path_variants, scratch_conflict

_READERS = 8
"""Threads that read headers: most of the time they wait for the share."""
_CHUNK = 512
"""Images whose headers are read together."""
_HANGS_AFTER_S = 60.0
_MOST_UNANSWERED = 8
"""So many sources in a row that do not answer are a share that hangs: no other is looked at."""
CPU_S_PER_MEGASAMPLE = 0.066
"""Lossless JPEG 2000 to JPEG on one core: 39 megapixels of RGB in 7.9 s (measured; bench/README.md)."""
JPEG_SHARE = 0.45
"""JPEG at quality 92 over lossless JP2, bytes: 7.23 TB became 2.93 TB at 0.41, the demo collection 0.45."""
_HANG_ADVICE = (
    "See whether the share is up; a run holds such images back, tries them again, and fails none for it."
)
_STORE_ADVICE = {
    Cause.STORE_UNAVAILABLE: "See whether url and endpoint under [store] are right and the store is up, "
    "then check again.",
    Cause.STORE_DENIED: "Correct the credentials, or the rights of whoever runs photostat there, then check again.",
    Cause.DISK_FULL: "Free space where the store is, then check again.",
}
"""If the store's error has no hint of its own: before a run there is nothing to resume or requeue."""


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
    """What the check has found so far; `megapixels` and bytes are those of images that can be converted."""

    images: int = 0
    converted_meanwhile: int = 0
    """Were to be looked at, and a running engine had begun or finished them before."""
    megapixels: float = 0.0
    source_bytes: int = 0
    cpu_s: float = 0.0
    strips: int = 0
    """Images that would be decoded in strips."""
    largest_need_bytes: int = 0
    largest_target: str = ""
    capacity_bytes: int = 0
    workers: int = 1
    seconds_taken: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    store: StoreTrial | Failure | None = None
    """What came of trying the store; None until it has been tried."""
    scratch_problem: str | None = None
    """Why scratch cannot be where the settings have it."""
    share_problem: str | None = None
    """Why the share with the sources seems not to be mounted."""
    warnings: list[str] = field(default_factory=list)
    """Settings that do no harm, and are probably mistakes."""

    @property
    def predicted_seconds(self) -> float:
        return self.cpu_s / self.workers

    @property
    def predicted_jpeg_bytes(self) -> int:
        return int(self.source_bytes * JPEG_SHARE)

    @property
    def is_clean(self) -> bool:
        return not self.findings and self.store_is_proved and self.scratch_problem is None

    @property
    def store_failure(self) -> Failure | None:
        return self.store if isinstance(self.store, Failure) else None

    @property
    def store_is_proved(self) -> bool:
        """It has been tried, and did all that a run relies on."""
        return isinstance(self.store, StoreTrial) and self.store.is_proof

    @property
    def store_steps_untried(self) -> Mapping[StoreStep, str]:
        """Why a step that a run takes has not been tried; a failure speaks for itself."""
        if self.store is None:
            return dict.fromkeys(StoreStep, "the store has not been tried")
        return self.store.untried if isinstance(self.store, StoreTrial) else {}


ForHeader = Callable[[ImageRow, str, Surveyed], None]
"""Gets an image, the path of its source and what its header says."""


def memory_capacity(config: Config) -> int:
    """What can be had at most above the floor, bytes."""
    total_bytes = MemoryReader(config.engine.memory_limit).read().total_bytes
    return total_bytes - parse_floor(config.engine.memory_floor, total_bytes)


def check(
    workspace: Workspace,
    config: Config,
    workers: int,
    batch: str | None,
    progress: Callable[[int, int], None],
    for_header: ForHeader = lambda row, source_path, found: None,
) -> Preflight:
    """Looks at every image that is pending or failed, but not at its pixels. `progress` is called with the number
    of images looked at so far and their total, `for_header` with every image whose header can be read."""
    started = time.monotonic()
    result = Preflight(workers=workers, capacity_bytes=memory_capacity(config))
    longest_s = min(_HANGS_AFTER_S, config.engine.timeout_s or _HANGS_AFTER_S)
    with LedgerReader(workspace) as reader:
        result.store = _try_store(workspace, config, reader, longest_s)
        result.scratch_problem = _scratch_problem(workspace, config, reader)
        result.warnings += _unknown_batches(config, list(reader.account()))
        images = _ImageChecks(workspace, config, reader, result)
        headers = BoundedReads(images.read_header, _READERS, longest_s)
        ids = reader.open_ids(batch)
        for first in range(0, len(ids), _CHUNK):
            if images.share_hangs:
                break
            chunk = reader.still_open(ids[first : first + _CHUNK])
            for row, found in zip(chunk, headers.read(chunk), strict=False):
                if isinstance(found, NoAnswer):
                    images.add_unanswered(row, longest_s)
                    if images.share_hangs:
                        break
                    continue
                images.add(row, found)
                if isinstance(found, Surveyed):
                    for_header(row, images.source_path(row), found)
            result.converted_meanwhile += len(ids[first : first + _CHUNK]) - len(chunk)
            progress(min(first + _CHUNK, len(ids)), len(ids))
    result.seconds_taken = time.monotonic() - started
    return result


class _ImageChecks:
    """Adds one image after another to the result."""

    def __init__(self, workspace: Workspace, config: Config, reader: LedgerReader, result: Preflight) -> None:
        self._config = config
        self._reader = reader
        self._result = result
        self._sources = workspace.source_paths(config)
        self._unanswered = 0
        """Sources in a row that have not answered."""

    @property
    def share_hangs(self) -> bool:
        return self._unanswered >= _MOST_UNANSWERED

    def add_unanswered(self, row: ImageRow, waited_s: float) -> None:
        """Its header has not come in time."""
        self._result.images += 1
        self._unanswered += 1
        path = self.source_path(row)
        what = f"no answer for {waited_s:.0f} s"
        failure = Failure(Cause.SOURCE_UNREADABLE, Stage.READING, f'{what}: "{path}"', _HANG_ADVICE)
        self._result.findings.append(Finding(row.id, row.batch, path, row.target, failure))
        if self.share_hangs:
            self._result.share_problem = (
                f"{self._unanswered} sources in a row do not answer, like {path}: the share hangs, and the other "
                "images were not looked at"
            )

    def read_header(self, row: ImageRow) -> Surveyed | Failure:
        """Called in several threads at once."""
        try:
            return examine_source(self._request(row))
        except ImageError as error:
            return error.failure

    def source_path(self, row: ImageRow) -> str:
        return self._sources.path(row.source)

    def add(self, row: ImageRow, found: Surveyed | Failure) -> None:
        self._result.images += 1
        self._unanswered = 0
        failure = self._add_header(row, found) if isinstance(found, Surveyed) else self._unread(row, found)
        if failure is None and row.cause == Cause.TARGET_COLLISION:
            message = row.message or "two rows have this target"
            failure = Failure(Cause.TARGET_COLLISION, Stage.MANIFEST, message)
        if failure is not None:
            source = self._request(row).source_path
            self._result.findings.append(Finding(row.id, row.batch, source, row.target, failure))

    def _request(self, row: ImageRow) -> SurveyRequest:
        return SurveyRequest(row.id, self.source_path(row), row.uuid)

    def _unread(self, row: ImageRow, failure: Failure) -> Failure:
        """Without a header; perhaps because the share is away."""
        if failure.cause in SOURCE_CAUSES and self._result.share_problem is None:
            request, neighbours = self._request(row), self._reader.neighbours_of(row.id)
            root = str(self._sources.directory) if self._config.manifest.root else ""
            self._result.share_problem = why_share_is_away(request.source_path, row.uuid, neighbours, root)
        return failure

    def _add_header(self, row: ImageRow, found: Surveyed) -> Failure | None:
        """Why the image would fail; None if it can be converted, and is in the sums."""
        jpeg, capacity_bytes = self._config.jpeg_for(row.batch), self._result.capacity_bytes
        try:
            check_sides(found.width, found.height, jpeg.oversize)
        except ImageError as error:
            return error.failure
        plan = choose_plan(found, capacity_bytes, jpeg=jpeg)
        if not isinstance(plan, Plan):
            return NeverFits(row.id, plan.needed_bytes, capacity_bytes, jpeg).failure()
        _sum_up(self._result, row, found, plan)
        return None


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
            similar = nearest(name, known)
            advice = f": did you mean {similar}?" if similar else ""
            found.append(f"[batch.{name}.jpeg] is for no batch of the ledger{advice}")
    return found


def _scratch_problem(workspace: Workspace, config: Config, reader: LedgerReader) -> str | None:
    directory = workspace.scratch_dir(config)
    problem = scratch_conflict(directory, workspace.root, config, really=True)
    for variant in path_variants(directory):
        if problem is None and (source := reader.source_within(variant)):
            problem = sources_in_scratch(source)
    return f"{directory}: {problem}" if problem else write_problem(directory)


def _try_store(
    workspace: Workspace, config: Config, reader: LedgerReader, longest_s: float
) -> StoreTrial | Failure:
    """Lists the store, puts a tiny object there, looks at it, reads it back, finds it in the listing and deletes it."""
    known, url = known_store(reader, workspace.root), config.store.url

    def try_out() -> StoreTrial | StoreError:
        with closing(open_store(config.store, workspace.root, known)) as store:
            return outcome_of(store.write_probe)

    # Stores that are no directory have time limits of their own.
    outcome = read_within(longest_s, try_out) if url.startswith("file:") else try_out()
    if isinstance(outcome, NoAnswer):
        message = f"{url}: no answer for {longest_s:.0f} s: the store hangs"
        return Failure(
            Cause.STORE_UNAVAILABLE, Stage.STORING, message, _STORE_ADVICE[Cause.STORE_UNAVAILABLE]
        )
    if isinstance(outcome, StoreTrial):
        return outcome
    failure = outcome.failure
    advice = _STORE_ADVICE.get(failure.cause, "") if outcome.never_answered or not failure.hint else ""
    return replace(failure, hint=advice) if advice else failure
