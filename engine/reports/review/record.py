"""Has the answers of a review recorded, and says in a line each what has become of them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.control.offline import sign_off
from engine.control.requests import GiveVerdicts
from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import VerdictsTaken
from engine.reports.review.answers import Answers, check_answers
from engine.workspace import Workspace


@dataclass(frozen=True)
class Recorded:
    """What has become of the answers."""

    taken: VerdictsTaken
    approved: bool
    """The batch is approved as the person saw it."""
    lines: tuple[str, ...]
    """In words."""
    is_all: bool
    """Nothing was left alone or refused."""


def record_answers(workspace: Workspace, answers: Answers, batch: str | None, what: str) -> Recorded:
    """The verdicts first, then the approval, if there is one. Raises UserError, and then nothing was recorded, and
    what `sign_off` raises."""
    with LedgerReader(workspace) as reader:
        check_answers(answers, reader, batch, what)
    taken = VerdictsTaken()
    if answers.verdicts:
        request = GiveVerdicts(answers.given_verdicts, answers.reviewer)
        taken = sign_off(workspace, "review", request).taken
    lines = verdict_lines(taken)
    if answers.approval is None or answers.approve is None:
        return Recorded(taken, False, tuple(lines), not taken.changed)
    name = one_line(answers.batch)
    try:
        reply = sign_off(workspace, "review", answers.approve)
    except UserError as error:
        return Recorded(taken, False, (*lines, f"{_sentence(str(error))}"), False)
    already = "" if reply.recorded else " already"
    return Recorded(taken, True, (*lines, f"Batch {name} is approved{already}."), not taken.changed)


def verdict_lines(taken: VerdictsTaken) -> list[str]:
    lines = []
    if taken.recorded:
        lines.append(f"{counted(len(taken.recorded), 'verdict')} recorded.")
    if taken.known:
        lines.append(f"{counted(len(taken.known), 'verdict')} already in the ledger.")
    for image in taken.older:
        lines.append(
            f"Image {image}: a later verdict is in the ledger and counts; this one is in its history."
        )
    for image in taken.changed:
        lines.append(
            f"Image {image}: not recorded, because it is not done any more or has another JPEG than was looked at."
        )
    return lines or ["No verdict was given."]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
