"""What an engine does before its first turn: it checks its scratch, and takes over the work of an earlier engine."""

from __future__ import annotations

import time

from engine.failures import UserError
from engine.hosts.invited import Invited
from engine.ledger.models import Recovered, Subject
from engine.messages import StoreRequest
from engine.scratch import sources_in_scratch
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.storing import WaitingJpeg
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


def take_over(run: RunContext, crews: Crews) -> list[str]:
    """Reuse the JPEGs that an earlier engine left on scratch, and make all else that it had in flight pending again.

    Those on scratch of other machines wait for these, if any can join. Returns the paths of those on this one."""
    _take_over_hosts(run, crews)
    recovered = run.ledger.recover()
    elsewhere = [row for row in recovered if row.host]
    for host in {row.host for row in elsewhere}:
        jpegs = [_waiting(row, row.request) for row in elsewhere if row.host == host]
        if run.config.cluster.lets_others_join:
            crews.absent.wait_for(host, jpegs, time.monotonic())
        else:
            why = f"its JPEG is on scratch of {host}, and [cluster] lets no other machine join now"
            crews.absent.put_back(jpegs, why)
    return [path for row in recovered if not row.host and (path := _reuse(run, crews, row)) is not None]


def _take_over_hosts(run: RunContext, crews: Crews) -> None:
    """Those that were lost before, as far as they may still come back. Some were forgotten while no engine ran."""
    before = run.ledger.hosts_before()
    if not run.config.cluster.lets_others_join:
        return
    invited = Invited(run.workspace.cluster_dir).names
    for host in before:
        if host.name not in invited:
            run.ledger.forget_host(host.name)
    crews.seen.before([host for host in before if host.name in invited], time.monotonic())


def _reuse(run: RunContext, crews: Crews, row: Recovered) -> str | None:
    """The path of the JPEG; None if it is not there any more, or not whole."""
    request = run.scratch.locate(row.request)
    if request is None:
        run.ledger.back_to_pending(row.request.image_id, "its JPEG is not on scratch any more", counts=False)
        return None
    crews.here.storing.enqueue(_waiting(row, request))
    return request.scratch_path


def _waiting(row: Recovered, request: StoreRequest) -> WaitingJpeg:
    subject = Subject(request.image_id, request.record, row.source, request.target)
    return WaitingJpeg(request, subject, row.megapixels, row.source_bytes, converted_here=False)
