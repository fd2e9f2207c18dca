"""Delivered JPEGs that are to be replaced: which, the question, and the order."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import click

from engine.control.offline import sign_off
from engine.control.requests import ReplaceDelivered
from engine.failures import UserError
from engine.formatting import counted, integer
from engine.ledger.filters import ImageFilter
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.verdicts import Verdict
from engine.workspace import Workspace
from tui.commands.shared.options import check_batch
from tui.commands.shared.output import print_json, print_line, warn

_MOST = 10_000
"""Images in an order."""


@dataclass(frozen=True)
class ReplacementSettings:
    """Of the new JPEGs; None is as each image has it."""

    quality: int | None
    subsampling: str | None

    def __str__(self) -> str:
        parts = [f"quality {self.quality}"] if self.quality is not None else []
        parts += [f"subsampling {self.subsampling}"] if self.subsampling is not None else []
        return f" with {' and '.join(parts)}" if parts else " with the present settings"


def replace_delivered(
    workspace: Workspace,
    ids: Sequence[int],
    batch: str | None,
    settings: ReplacementSettings,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Those with these ids, or all that are not fine; returns the exit code. Raises UsageError and UserError."""
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
        rows = _named(reader, ids) if ids else _not_fine(reader, batch)
    if not rows:
        return _nothing("No delivered image has the verdict not fine.", as_json=as_json)
    if len(rows) > _MOST:
        raise UserError(
            f"{counted(len(rows), 'image')} are too many at once, {integer(_MOST)} can be: give their IDs"
        )
    return _replace(workspace, rows, settings, yes=yes, as_json=as_json)


def replace_doubted(
    workspace: Workspace, batch: str | None, settings: ReplacementSettings, *, yes: bool, as_json: bool
) -> int:
    """Those with a GPU's pixels, of kinds of which it has decoded one differently; returns the exit code.

    Raises UsageError and UserError."""
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
        rows = list(reader.iterate(ImageFilter(batch=batch, gpu_differs=True)))
    if not rows:
        told = "No delivered JPEG has a GPU's pixels of a kind of file that it decodes differently."
        return _nothing(told, as_json=as_json)
    return _replace(workspace, rows, settings, yes=yes, as_json=as_json)


def _nothing(told: str, *, as_json: bool) -> int:
    print_json({"requeued": 0, "changed": []}) if as_json else print_line(told)
    return 0


def _replace(
    workspace: Workspace, rows: Sequence[ImageRow], settings: ReplacementSettings, *, yes: bool, as_json: bool
) -> int:
    """After a question, by as many orders as it takes; returns the exit code."""
    _ask(workspace, len(rows), settings, yes=yes)
    recorded, changed = 0, list[int]()
    for start in range(0, len(rows), _MOST):
        request = ReplaceDelivered(
            tuple(
                DeliveredJpeg(row.id, row.md5 or row.replaces or "") for row in rows[start : start + _MOST]
            ),
            settings.quality,
            cast(Literal["auto", "4:4:4", "4:2:0"] | None, settings.subsampling),
            "",
        )
        taken = sign_off(workspace, "requeue", request).taken
        recorded += len(taken.recorded)
        changed += taken.changed
    if as_json:
        print_json({"requeued": recorded, "changed": changed})
    else:
        print_line(
            f"{counted(recorded, 'image')} requeued{settings}. Each delivered JPEG stays until the new one "
            "is verified, and is then replaced."
        )
    if changed:
        warn(f"Left as they are, because they have changed a moment ago: {', '.join(map(str, changed))}.")
    return 1 if changed else 0


def _ask(workspace: Workspace, count: int, settings: ReplacementSettings, *, yes: bool) -> None:
    if yes:
        return
    what = f"{counted(count, 'delivered JPEG')} in {workspace.config().store.url} will be replaced{settings}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{what}: say so with --yes")
    if not click.confirm(f"{what}. Replace {'it' if count == 1 else 'them'}?", err=True):
        raise UserError("nothing was changed")


def _not_fine(reader: LedgerReader, batch: str | None) -> list[ImageRow]:
    return list(reader.iterate(ImageFilter(batch=batch, verdict=Verdict.NOT_FINE)))


def _named(reader: LedgerReader, ids: Sequence[int]) -> list[ImageRow]:
    rows = []
    for number in sorted(set(ids)):
        row = reader.image(number)
        if row is None:
            raise UserError(f"no image {number} in the ledger; nothing was changed")
        if row.state != "done" and not (row.state == "pending" and row.replaces):
            is_now = row.state.replace("_", " ")
            raise UserError(
                f"image {number} is {is_now}: only delivered JPEGs can be replaced; nothing was changed"
            )
        rows.append(row)
    return rows
