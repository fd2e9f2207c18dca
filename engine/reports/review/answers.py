"""What a review's page hands over: verdicts and perhaps an approval, as a file or to the page's server."""

from __future__ import annotations

import time
from collections import Counter
from typing import Literal

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import decode

from engine.control.requests import Approve
from engine.failures import UserError, one_line
from engine.formatting import counted
from engine.ledger.reader import LedgerReader
from engine.ledger.verdicts import GivenVerdict, Verdict

MOST_BYTES = 4 << 20
"""Of the file: a page shows far fewer images than would fill it."""
_FUTURE_S = 300.0
"""By which the clock of a person's machine may be ahead."""


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    id: int
    md5: str
    """Of the JPEG that the page showed."""
    verdict: Verdict
    given: float
    """Unix time, s."""
    why: str = ""


class ApprovalAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    given: float
    """Unix time, s."""
    changes: int
    """Of the batch's Standing when the page was made."""
    not_fine: int
    """How many images were not fine when the person approved, with those on the page."""
    note: str = ""


class Answers(Struct, frozen=True, forbid_unknown_fields=True):
    photostat_review: Literal[1]
    """The version of this format."""
    ledger: str
    batch: str
    reviewer: str
    verdicts: tuple[Answer, ...]
    approval: ApprovalAnswer | None = None

    @property
    def given_verdicts(self) -> tuple[GivenVerdict, ...]:
        return tuple(GivenVerdict(one.id, one.verdict, one.md5, one.why, one.given) for one in self.verdicts)

    @property
    def approve(self) -> Approve | None:
        one = self.approval
        if one is None:
            return None
        return Approve(self.batch, one.note, self.reviewer, one.given, one.changes, one.not_fine)


def read_answers(data: bytes, what: str) -> Answers:
    """Raises UserError that says in a line what is wrong with it; `what` names it there."""
    if len(data) > MOST_BYTES:
        raise UserError(f"{what}: {counted(len(data), 'byte')} are too many for the answers of a review")
    try:
        return decode(data, type=Answers)
    except ValidationError as error:
        raise UserError(
            f"{what}: these are not the answers of a review of this photostat: {one_line(str(error))}"
        ) from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{what}: this is not the file that a review's page saves: {one_line(str(error))}"
        ) from error


def check_answers(answers: Answers, reader: LedgerReader, batch: str | None, what: str) -> None:
    """Raises UserError unless all of it can be about this ledger, and about `batch` if that is given."""
    if answers.ledger != reader.identity:
        raise UserError(f"{what}: this review is of another workspace; nothing was recorded")
    if batch is not None and answers.batch != batch:
        raise UserError(
            f"{what}: this review is of batch {one_line(answers.batch)}, not {batch}; nothing was recorded"
        )
    reader.standing(answers.batch)
    twice = [number for number, count in Counter(one.id for one in answers.verdicts).items() if count > 1]
    if twice:
        raise UserError(f"{what}: image {twice[0]} has two verdicts; nothing was recorded")
    for one in answers.verdicts:
        image = reader.image(one.id)
        if image is None:
            raise UserError(f"{what}: no image {one.id} in the ledger; nothing was recorded")
        if image.batch != answers.batch:
            raise UserError(
                f"{what}: image {one.id} is of batch {image.batch}, not {answers.batch}; nothing was recorded"
            )
        if one.verdict is Verdict.NOT_FINE and not one.why.strip():
            raise UserError(
                f"{what}: image {one.id} is not fine, and no reason is given; nothing was recorded"
            )
    given = [one.given for one in answers.verdicts]
    if answers.approval is not None:
        given.append(answers.approval.given)
    if any(not 0 < at < time.time() + _FUTURE_S for at in given):
        raise UserError(f"{what}: a verdict has a time that is not in the past; nothing was recorded")
