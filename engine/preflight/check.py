"""Looks at every image that is not done, at the store and at scratch, as a run would; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from msgspec import structs

from engine.config import Config
from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, nearest
from engine.files.bounded_reads import NoAnswer, read_within
from engine.jpeg.limits import check_sides
from engine.ledger.known_store import known_store
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.memory.admission_types import NeverFits
from engine.memory.available import MemoryReader, parse_floor
from engine.memory.prediction import choose_plan, slowdown
from engine.messages import DecodeMode, Plan, Surveyed, SurveyRequest
from engine.preflight.gpu_outlook import GpuOutlook
from engine.preflight.headers import Chunk, header_reader
from engine.preflight.holds_now import held_waiting, holds_now, store_shortage
from engine.preflight.result import Finding, Preflight
from engine.processes.share_check import why_share_is_away
from engine.processes.uploader import outcome_of
from engine.scratch import sources_in_scratch, write_problem
from engine.store.base import StoreError, StoreTrial
from engine.store.open import open_store
from engine.workspace import Workspace, path_variants, scratch_conflict

_CHUNK = 512
"""Images whose headers are read together."""
_HANGS_AFTER_S = 60.0
_MOST_UNANSWERED = 8
"""So many sources in a row that do not answer are a share that hangs: no other is looked at."""
CPU_S_PER_MEGASAMPLE = 0.066
"""Lossless JPEG 2000 to JPEG on one core: 39 megapixels of RGB in 7.9 s (measured; bench/README.md)."""
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
    processes: int | None = None,
) -> Preflight:
    """Looks at every image that is pending or failed, but not at its pixels. `progress` is called with the number
    of images looked at so far and their total, `for_header` with every image whose header can be read. So many
    processes read headers; None: as many as there are cores, and for few images this one alone."""
    started = time.monotonic()
    result = Preflight(workers=workers, capacity_bytes=memory_capacity(config))
    result.gpu = GpuOutlook.of(config.engine) if config.cluster.here else None
    longest_s = min(_HANGS_AFTER_S, config.engine.timeout_s or _HANGS_AFTER_S)
    with LedgerReader(workspace) as reader:
        result.store = _try_store(workspace, config, reader, longest_s)
        result.scratch_problem = _scratch_problem(workspace, config, reader)
        accounts = reader.account()
        result.warnings += _unknown_batches(config, list(accounts))
        result.held_waiting = held_waiting(accounts, reader.batch_holds(), batch)
        images = _ImageChecks(workspace, config, reader, result)
        ids = reader.open_ids(batch)
        with closing(header_reader(images.request, longest_s, len(ids), processes)) as headers:
            for chunk, read in headers.read(_chunks(reader, ids)):
                for row, found in zip(chunk.rows, read, strict=False):
                    if isinstance(found, NoAnswer):
                        images.add_unanswered(row, longest_s)
                        if images.share_hangs:
                            break
                        continue
                    images.add(row, found)
                    if isinstance(found, Surveyed):
                        for_header(row, images.source_path(row), found)
                result.converted_meanwhile += chunk.gone
                progress(chunk.end, len(ids))
                if images.share_hangs:
                    break
    result.would_hold = holds_now(workspace, config, result)
    result.warnings += filter(None, [store_shortage(workspace, config, result)])
    result.seconds_taken = time.monotonic() - started
    return result


def _chunks(reader: LedgerReader, ids: list[int]) -> Iterator[Chunk]:
    """Each is looked up in the ledger when it is its turn."""
    for first in range(0, len(ids), _CHUNK):
        wanted = ids[first : first + _CHUNK]
        rows = reader.still_open(wanted)
        yield Chunk(rows, len(wanted) - len(rows), first + len(wanted))


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

    def source_path(self, row: ImageRow) -> str:
        return self._sources.path(row.source)

    def add(self, row: ImageRow, found: Surveyed | Failure) -> None:
        self._result.images += 1
        self._unanswered = 0
        failure = self._add_header(row, found) if isinstance(found, Surveyed) else self._unread(row, found)
        if failure is not None:
            source = self.request(row).source_path
            self._result.findings.append(Finding(row.id, row.batch, source, row.target, failure))

    def request(self, row: ImageRow) -> SurveyRequest:
        return SurveyRequest(row.id, self.source_path(row), row.uuid)

    def _unread(self, row: ImageRow, failure: Failure) -> Failure:
        """Without a header; perhaps because the share is away."""
        if failure.cause in SOURCE_CAUSES and self._result.share_problem is None:
            request, neighbours = self.request(row), self._reader.neighbours_of(row.id)
            root = str(self._sources.directory) if self._config.manifest.root else ""
            self._result.share_problem = why_share_is_away(request.source_path, row.uuid, neighbours, root)
        return failure

    def _add_header(self, row: ImageRow, found: Surveyed) -> Failure | None:
        """Why the image would fail; None if it can be converted, and is in the sums."""
        jpeg = self._config.jpeg_for(row.batch).with_own(row.quality, row.subsampling)
        capacity_bytes = self._result.capacity_bytes
        try:
            check_sides(found.width, found.height, jpeg.oversize)
        except ImageError as error:
            return error.failure
        plan = choose_plan(found, capacity_bytes, jpeg=jpeg)
        if not isinstance(plan, Plan):
            return NeverFits(row.id, plan.needed_bytes, capacity_bytes, jpeg).failure()
        if row.cause == Cause.TARGET_COLLISION:
            return Failure(Cause.TARGET_COLLISION, Stage.MANIFEST, row.message or "two rows have this target")
        _sum_up(self._result, row, found, plan)
        return None


def _sum_up(result: Preflight, row: ImageRow, found: Surveyed, plan: Plan) -> None:
    if result.gpu is not None:
        result.gpu.add(found)
    megapixels = found.width * found.height / 1e6
    result.megapixels += megapixels
    result.source_bytes += found.source_bytes
    result.cpu_s += megapixels * max(found.components, 1) * CPU_S_PER_MEGASAMPLE * slowdown(found, plan)
    result.strips += plan.mode is DecodeMode.STRIPS
    result.least_need_bytes = min(result.least_need_bytes or plan.predicted_bytes, plan.predicted_bytes)
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
    return structs.replace(failure, hint=advice) if advice else failure
