"""The sign-off of a batch as the commands print it."""

from __future__ import annotations

from engine.formatting import counted, date_and_time
from engine.ledger.verdicts import Approval, Standing, VerdictsTaken
from tui.commands.shared.output import print_line, warn


def print_standing(standing: Standing) -> None:
    """What is done, what is open, what people have said, and by whom the batch was approved."""
    account = standing.account
    facts = f"{counted(account.rows, 'image')}, {account.done:,} done"
    print_line(
        f"{standing.batch}: {facts}" + (f", {account.accepted:,} accepted" if account.accepted else "")
    )
    print_line(f"Verdicts: {standing.fine:,} fine, {standing.not_fine:,} not fine.")
    if standing.open_items:
        print_line(f"Open: {standing.open_items}.")
    if standing.not_fine:
        again = f"photostat requeue --verdict not-fine --batch {standing.batch} --quality N"
        print_line(f"`{again}` converts what is not fine again.")
    if not standing.approvals:
        print_line("Not approved yet.")
    for approval in standing.approvals:
        print_line(_approval(approval))
    if standing.changed_since:
        print_line(
            f"Changed since the approval: {counted(standing.changed_since, 'change')} of its images. "
            "Look at them, and approve the batch again."
        )


def _approval(approval: Approval) -> str:
    said = "Approved by" if approval.approved else "Approval withdrawn by"
    counts = f"{approval.done:,} done, {approval.fine:,} fine, {approval.not_fine:,} not fine"
    for count, what in ((approval.failed, "failed"), (approval.waiting, "not converted")):
        counts += f", {count:,} {what}" if count else ""
    note = f": {approval.note}" if approval.note else ""
    return f"{said} {approval.person} on {date_and_time(approval.given)} ({counts}){note}"


def say_what_was_taken(taken: VerdictsTaken) -> None:
    """What has become of verdicts that were given here."""
    if taken.recorded:
        print_line(f"{counted(len(taken.recorded), 'verdict')} recorded.")
    if taken.known:
        print_line(f"{counted(len(taken.known), 'verdict')} already in the ledger.")
    if taken.changed:
        ids = ", ".join(map(str, taken.changed))
        warn(f"Not recorded, because the image has changed a moment ago: {ids}. Review these again.")


def taken_document(taken: VerdictsTaken) -> dict[str, list[int]]:
    return {name: list(getattr(taken, name)) for name in taken.__struct_fields__}
