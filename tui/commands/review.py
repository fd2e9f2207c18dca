"""`photostat review`: a batch's delivered JPEGs beside their sources, and what people say of them."""

from __future__ import annotations

import sys

import click

from engine.control.offline import sign_off
from engine.control.requests import Approve, GiveVerdicts, WithdrawApproval
from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import GivenVerdict, Verdict, VerdictsTaken
from engine.workspace import Workspace
from tui.commands.shared.options import check_batch, complete_batch, json_option, workspace_of
from tui.commands.shared.output import print_json, warn
from tui.commands.shared.standing import print_standing, say_what_was_taken


class Ids(click.ParamType[tuple[int, ...]]):
    """One or several ids of images: `7` or `7,9,12`."""

    name = "ID[,ID…]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        try:
            ids = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            ids = (0,)
        if min(ids) < 1:
            self.fail(f"{value!r}: give ids of images, like 7 or 7,9,12", param, ctx)
        return ids


@click.command()
@click.argument("batch", shell_complete=complete_batch)
@click.option("--fine", multiple=True, type=Ids(), help="These images are fine.")
@click.option("--not-fine", multiple=True, type=Ids(), help="These images are not fine; needs --why.")
@click.option("--no-verdict", multiple=True, type=Ids(), help="Take back the verdict on these images.")
@click.option("--why", default="", help="Why these images are not fine; it is recorded.")
@click.option("--approve", is_flag=True, help="Approve the batch.")
@click.option("--withdraw", is_flag=True, help="Take back the approval of the batch.")
@click.option("--note", default="", help="Recorded with --approve or --withdraw.")
@click.option("--by", default="", help="Your name. Who runs the command is recorded in any case.")
@click.option("--status", is_flag=True, help="Show how far the sign-off is.")
@click.option("--yes", is_flag=True, help="Approve also what is not fine, failed or not converted yet.")
@json_option
@click.pass_context
def review(
    ctx: click.Context,
    batch: str,
    fine: tuple[tuple[int, ...], ...],
    not_fine: tuple[tuple[int, ...], ...],
    no_verdict: tuple[tuple[int, ...], ...],
    why: str,
    approve: bool,
    withdraw: bool,
    note: str,
    by: str,
    status: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Record what people say of a batch after a look at its JPEGs.

    A verdict is of the JPEG that an image has now; another one has none. An approval says how many images were
    done, failed, not converted yet, fine and not fine, and is marked as changed once images of the batch change.
    Without an option the command shows how far the sign-off is.
    """
    if approve and withdraw:
        raise click.UsageError("--approve and --withdraw exclude each other")
    wanted = {
        Verdict.FINE: _flat(fine),
        Verdict.NOT_FINE: _flat(not_fine),
        Verdict.WITHDRAWN: _flat(no_verdict),
    }
    _check(wanted, why, note, approving=approve or withdraw)
    workspace = workspace_of(ctx)
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
        given = _verdicts(reader, batch, wanted, why)
    taken = give(workspace, given, by)
    if approve:
        _approve(workspace, batch, note, by, yes=yes)
    if withdraw:
        reply = sign_off(workspace, "review", WithdrawApproval(batch, note, by))
        if not reply.recorded:
            warn(f"Batch {batch} is not approved: there is nothing to withdraw.")
    with LedgerReader(workspace) as reader:
        standing = reader.standing(batch)
    if as_json:
        print_json({**standing.to_json(), "taken": _document(taken)})
    else:
        say_what_was_taken(taken)
        print_standing(standing)
    ctx.exit(1 if taken.changed else 0)


def give(workspace: Workspace, given: list[GivenVerdict], by: str) -> VerdictsTaken:
    """Has them recorded."""
    if not given:
        return VerdictsTaken()
    reply = sign_off(workspace, "review", GiveVerdicts(tuple(given), by))
    return reply.taken


def _approve(workspace: Workspace, batch: str, note: str, by: str, *, yes: bool) -> None:
    """Asks before a batch with open items is approved; raises UsageError where nobody can be asked."""
    with LedgerReader(workspace) as reader:
        shown = reader.standing(batch)
    if shown.open_items and not yes:
        what = f"batch {batch} has {shown.open_items}"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(f"{what}: approve it all the same with --yes")
        if not click.confirm(f"{what[0].upper()}{what[1:]}. Approve it all the same?", err=True):
            raise UserError("not approved")
    reply = sign_off(workspace, "review", Approve(batch, note, by, None, shown.changes, shown.not_fine))
    if not reply.recorded:
        warn(f"Batch {batch} was approved like this already.")


def _check(wanted: dict[Verdict, tuple[int, ...]], why: str, note: str, *, approving: bool) -> None:
    """Raises UsageError for options that contradict one another, or are without effect."""
    if wanted[Verdict.NOT_FINE] and not why.strip():
        raise click.UsageError('--not-fine needs --why "…"')
    if why and not wanted[Verdict.NOT_FINE]:
        raise click.UsageError("--why is for --not-fine")
    if note and not approving:
        raise click.UsageError("--note is for --approve or --withdraw")
    named = [number for ids in wanted.values() for number in ids]
    twice = sorted({number for number in named if named.count(number) > 1})
    if twice:
        raise click.UsageError(f"image {twice[0]} is named twice")


def _verdicts(
    reader: LedgerReader, batch: str, wanted: dict[Verdict, tuple[int, ...]], why: str
) -> list[GivenVerdict]:
    """Of the JPEGs that the images have now. Raises UserError for images that are not of the batch or not done."""
    given = []
    for verdict, ids in wanted.items():
        for number in ids:
            image = reader.image(number)
            if image is None:
                raise UserError(f"no image {number} in the ledger; nothing was changed")
            if image.batch != batch:
                raise UserError(f"image {number} is of batch {image.batch}, not {batch}; nothing was changed")
            if image.state != "done" or image.md5 is None:
                raise UserError(
                    f"image {number} is {image.state.replace('_', ' ')}: it has no delivered JPEG; nothing was changed"
                )
            reason = why if verdict is Verdict.NOT_FINE else ""
            given.append(GivenVerdict(number, verdict, image.md5, reason))
    return given


def _flat(groups: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return tuple(number for ids in groups for number in ids)


def _document(taken: VerdictsTaken) -> dict[str, list[int]]:
    return {"recorded": list(taken.recorded), "known": list(taken.known), "changed": list(taken.changed)}
