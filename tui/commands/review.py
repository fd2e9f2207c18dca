"""`photostat review`: a batch's delivered JPEGs beside their sources, and what people say of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from engine.control.offline import sign_off
from engine.control.requests import Approve, GiveVerdicts, WithdrawApproval
from engine.failures import UserError
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import GivenVerdict, Verdict, VerdictsTaken
from engine.workspace import Workspace
from tui.commands.shared.options import check_batch, complete_batch, json_option, workspace_of
from tui.commands.shared.output import print_json, warn
from tui.commands.shared.review_page import import_answers, make_page, serve_page
from tui.commands.shared.standing import print_standing, say_what_was_taken, taken_document

MOST_IMAGES = 72
"""As engine.reports.review.write has it, which is not imported before it is used."""


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


@dataclass(frozen=True)
class _Said:
    """What the options say of images and of the batch."""

    verdicts: Mapping[Verdict, tuple[int, ...]]
    why: str
    approve: bool
    withdraw: bool
    note: str
    by: str

    @property
    def is_nothing(self) -> bool:
        return not (any(self.verdicts.values()) or self.approve or self.withdraw)

    def check(self) -> None:
        """Raises UsageError for options that contradict one another, or are without effect."""
        if self.approve and self.withdraw:
            raise click.UsageError("--approve and --withdraw exclude each other")
        if self.verdicts[Verdict.NOT_FINE] and not self.why.strip():
            raise click.UsageError('--not-fine needs --why "…"')
        if self.why and not self.verdicts[Verdict.NOT_FINE]:
            raise click.UsageError("--why is for --not-fine")
        if self.note and not (self.approve or self.withdraw):
            raise click.UsageError("--note is for --approve or --withdraw")
        named = [number for ids in self.verdicts.values() for number in ids]
        twice = sorted({number for number in named if named.count(number) > 1})
        if twice:
            raise click.UsageError(f"image {twice[0]} is named twice")


@click.command()
@click.argument("batch", required=False, shell_complete=complete_batch)
@click.option(
    "--sample", default=20, show_default=True, type=click.IntRange(1, MOST_IMAGES), help="How many images."
)
@click.option("--seed", default=1, show_default=True, help="Another number draws other images.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the page is written; without it, review/ in the workspace.",
)
@click.option("--serve", is_flag=True, help="Serve the page to your browser, and record what it sends.")
@click.option(
    "--import",
    "answers",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Record the answers that a page has saved.",
)
@click.option("--status", is_flag=True, help="Show how far the sign-off is.")
@click.option("--fine", multiple=True, type=Ids(), help="These images are fine.")
@click.option("--not-fine", multiple=True, type=Ids(), help="These images are not fine; needs --why.")
@click.option("--no-verdict", multiple=True, type=Ids(), help="Take back the verdict on these images.")
@click.option("--why", default="", help="Why these images are not fine; it is recorded.")
@click.option("--approve", is_flag=True, help="Approve the batch.")
@click.option("--withdraw", is_flag=True, help="Take back the approval of the batch.")
@click.option("--note", default="", help="Recorded with --approve or --withdraw.")
@click.option("--by", default="", help="Your name. Who runs the command is recorded in any case.")
@click.option("--yes", is_flag=True, help="Approve also what is not fine, failed or not converted yet.")
@json_option
@click.pass_context
def review(
    ctx: click.Context,
    /,
    batch: str | None,
    sample: int,
    seed: int,
    output: Path | None,
    serve: bool,
    answers: Path | None,
    status: bool,
    fine: tuple[tuple[int, ...], ...],
    not_fine: tuple[tuple[int, ...], ...],
    no_verdict: tuple[tuple[int, ...], ...],
    yes: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Review a batch: a sample of its delivered JPEGs beside their sources, for the eye.

    The page is one file. It has the images with the lowest PSNR, the largest, some with warnings, some of each
    kind of source, and others at random; a click or the space bar puts the source in the place of the JPEG. What
    you say there goes into the ledger with --serve, or as a file with --import; or say it here, with --fine,
    --not-fine and --approve.

    A verdict is of the JPEG that an image has now; another one has none. An approval says how many images were
    done, failed, not converted yet, fine and not fine, and is marked as changed once images of the batch change.
    """
    verdicts = {
        Verdict.FINE: _flat(fine),
        Verdict.NOT_FINE: _flat(not_fine),
        Verdict.WITHDRAWN: _flat(no_verdict),
    }
    given = _Said(verdicts, **said)
    given.check()
    if sum((serve, answers is not None, status, not given.is_nothing)) > 1:
        raise click.UsageError("--serve, --import, --status and verdicts exclude one another")
    workspace = workspace_of(ctx)
    if answers is not None:
        ctx.exit(import_answers(workspace, answers, batch, as_json=as_json))
    if batch is None:
        raise click.UsageError("which batch? Give its name; only --import knows it from the file")
    with LedgerReader(workspace) as reader:
        check_batch(batch, reader.account())
    if status or not given.is_nothing:
        ctx.exit(_say(workspace, batch, given, yes=yes, as_json=as_json))
    if serve:
        ctx.exit(serve_page(workspace, batch, sample, seed))
    ctx.exit(make_page(workspace, batch, sample, seed, output, as_json=as_json))


def _say(workspace: Workspace, batch: str, said: _Said, *, yes: bool, as_json: bool) -> int:
    """Records what the options say, shows how the batch stands then, and returns the exit code."""
    taken = VerdictsTaken()
    with LedgerReader(workspace) as reader:
        given = _verdicts(reader, batch, said)
    if given:
        taken = sign_off(workspace, "review", GiveVerdicts(given, said.by)).taken
    if said.approve:
        _approve(workspace, batch, said, yes=yes)
    if said.withdraw:
        reply = sign_off(workspace, "review", WithdrawApproval(batch, said.note, said.by))
        if not reply.recorded:
            warn(f"Batch {batch} is not approved: there is nothing to withdraw.")
    with LedgerReader(workspace) as reader:
        standing = reader.standing(batch)
    if as_json:
        print_json({**standing.to_json(), "taken": taken_document(taken)})
    else:
        say_what_was_taken(taken)
        print_standing(standing)
    return 1 if taken.changed else 0


def _approve(workspace: Workspace, batch: str, said: _Said, *, yes: bool) -> None:
    """Asks before a batch with open items is approved; raises UsageError where nobody can be asked."""
    with LedgerReader(workspace) as reader:
        shown = reader.standing(batch)
    if shown.open_items and not yes:
        what = f"batch {batch} has {shown.open_items}"
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise click.UsageError(f"{what}: approve it all the same with --yes")
        if not click.confirm(f"{what[0].upper()}{what[1:]}. Approve it all the same?", err=True):
            raise UserError(f"batch {batch} was not approved")
    request = Approve(batch, said.note, said.by, None, shown.changes, shown.not_fine)
    if not sign_off(workspace, "review", request).recorded:
        warn(f"Batch {batch} was approved like this already.")


def _verdicts(reader: LedgerReader, batch: str, said: _Said) -> tuple[GivenVerdict, ...]:
    """Of the JPEGs that the images have now. Raises UserError for images that are not of the batch or not done."""
    given = []
    for verdict, ids in said.verdicts.items():
        for number in ids:
            image = reader.image(number)
            if image is None:
                raise UserError(f"no image {number} in the ledger; nothing was changed")
            if image.batch != batch:
                raise UserError(f"image {number} is of batch {image.batch}, not {batch}; nothing was changed")
            if image.state != "done" or image.md5 is None:
                is_now = image.state.replace("_", " ")
                raise UserError(f"image {number} is {is_now}: it has no delivered JPEG; nothing was changed")
            given.append(
                GivenVerdict(number, verdict, image.md5, said.why if verdict is Verdict.NOT_FINE else "")
            )
    return tuple(given)


def _flat(groups: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    return tuple(number for ids in groups for number in ids)
