"""Adds an export to a workspace: in the ledger, or beside the engine that runs and then through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from msgspec import structs

from engine.config import ManifestSettings
from engine.control.client import EngineClient, running_engine
from engine.control.offline import open_ledger
from engine.control.ordering import wait_for, wait_until_idle
from engine.control.people import person_here
from engine.control.requests import Add
from engine.failures import UserError
from engine.formatting import integer
from engine.ledger.import_report import NOTES_KEPT, LineNote
from engine.ledger.lock import LedgerLocked
from engine.ledger.staging import NotChanged, StagedLedger
from engine.manifest.importer import ImportTarget, add
from engine.manifest.report import AddReport
from engine.workspace import Workspace

Import = Callable[[ImportTarget], AddReport]
Show = Callable[[str], None]
_MOST_PLANS = 20
"""Other orders that come while a plan is made are people's, and few."""


def add_to_workspace(
    workspace: Workspace,
    export: Path,
    settings: ManifestSettings,
    *,
    batch: str | None,
    split_by: str | None,
    show: Show,
) -> AddReport:
    """See `importer.add`; `show` is told in words how far it is. Raises UserError, EngineSilent, and OrderLeft."""

    def import_into(ledger: ImportTarget, person: str = "") -> AddReport:
        def progress(rows: int) -> None:
            show(f"{integer(rows)} rows read")

        return add(ledger, export, settings, batch=batch, split_by=split_by, progress=progress, person=person)

    client = running_engine(workspace)
    if client is None:
        try:
            with open_ledger(workspace, "add") as ledger:
                return import_into(ledger, str(person_here()))
        except LedgerLocked as locked:
            if locked.holder is None or not locked.holder.is_engine:
                raise
            client = EngineClient.connect(workspace)  # it has just started
    with client:
        return _through_engine(client, workspace, import_into, show)


def _through_engine(client: EngineClient, workspace: Workspace, import_into: Import, show: Show) -> AddReport:
    for _ in range(_MOST_PLANS):
        wait_until_idle(client, partial(_show_waiting, show))
        with StagedLedger(workspace) as staged:
            report = import_into(staged)
            show("Handing the rows to the engine")
            plan = staged.write_plan()
            try:
                order = client.ask(Add(plan.name, staged.summary)).order
            except BaseException:
                plan.unlink(
                    missing_ok=True
                )  # it is not taken, or, if the reply was lost, ends with that word
                raise
            if order is None:
                plan.unlink(missing_ok=True)
                continue
            wait_for(client, order, partial(_show_written, show))
            return _with_kept(report, staged.not_changed())
    raise UserError(
        "other orders came again and again while the export was read; nothing was added: try again"
    )


def _show_waiting(show: Show, seen: int, images: int) -> None:
    show(f"The engine carries out earlier orders: {integer(seen)} of {integer(images)} images")


def _show_written(show: Show, seen: int, images: int) -> None:
    show(f"{integer(seen)} of {integer(images)} rows written")


def _with_kept(report: AddReport, rows: Sequence[NotChanged]) -> AddReport:
    """What was thought to change, and was converted meanwhile, is kept as it is."""
    if not rows:
        return report
    lines, per_batch = {row.line for row in rows}, Counter(row.batch for row in rows)
    batches = tuple(
        structs.replace(b, changed=b.changed - per_batch[b.batch], kept=b.kept + per_batch[b.batch])
        for b in report.batches
    )
    kept = [*report.kept, *(LineNote(row.line, _why_kept(row)) for row in rows)]
    return structs.replace(
        report,
        batches=batches,
        changed=tuple(note for note in report.changed if note.line not in lines),
        kept=tuple(sorted(kept, key=lambda note: note.line)[:NOTES_KEPT]),
    )


def _why_kept(row: NotChanged) -> str:
    return f"{row.target} is being converted, from {row.source}: kept as it is"
