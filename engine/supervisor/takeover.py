"""What an engine does before its first turn: it checks its scratch, and takes over the work of an earlier engine."""

from __future__ import annotations

from engine.failures import UserError
from engine.ledger.models import Recovered, Subject
from engine.scratch import sources_in_scratch
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.storing import Storing, WaitingJpeg
from engine.workspace import path_variants, scratch_conflict


def check_scratch(here: HostContext) -> None:
    """Raises UserError if scratch is a directory with other things in it, or one where no files can be made.

    A disk that is full, or not writable for now, is a hold: the store may take what is there."""
    run = here.run
    directory = run.scratch.directory
    problem = scratch_conflict(directory, run.workspace.root, run.config, really=True)
    for variant in path_variants(directory):
        if problem is None and (source := run.ledger.source_within(variant)):
            problem = sources_in_scratch(source)
    if problem is not None:
        raise UserError(f"[engine] scratch: {directory}: {problem}")
    if (full := run.scratch.prepare()) is not None:
        here.hold_for_disk(f"nothing can be written on scratch: {full}")


def take_over(run: RunContext, storing: Storing) -> list[str]:
    """Reuse the JPEGs that an earlier engine left on scratch, and make all else that it had in flight pending again.

    Returns the paths of these JPEGs."""
    return [path for row in run.ledger.recover() if (path := _reuse(run, storing, row)) is not None]


def _reuse(run: RunContext, storing: Storing, row: Recovered) -> str | None:
    """The path of the JPEG; None if it is not there any more, or not whole."""
    request = run.scratch.locate(row.request)
    if request is None:
        run.ledger.back_to_pending(row.request.image_id, "its JPEG is not on scratch any more", counts=False)
        return None
    subject = Subject(request.image_id, request.record, row.source, request.target)
    storing.enqueue(WaitingJpeg(request, subject, row.megapixels, row.source_bytes, converted_here=False))
    return request.scratch_path
