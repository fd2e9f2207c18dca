"""Orders about images, by the engine if one runs: how far they are, until they are done."""

from __future__ import annotations

from engine.control.offline import engine_or_ledger
from engine.control.requests import LedgerRequest
from engine.workspace import Workspace
from tui.commands.shared.output import warn
from tui.commands.shared.progress import progress_bar


def carry_out(workspace: Workspace, command: str, title: str, request: LedgerRequest) -> int:
    """How many images were changed. Raises UserError, EngineSilent, and OrderLeft if the engine leaves meanwhile."""
    seen = 0

    def show_and_note(done: int, images: int) -> None:
        nonlocal seen
        seen = done
        show(done, images)

    try:
        with (
            progress_bar(title) as show,
            engine_or_ledger(workspace, command, progress=show_and_note) as do,
        ):
            return do(request).count
    except KeyboardInterrupt:
        if seen:
            warn("The engine goes on with the order; `photostat status` shows how far it is.")
        raise
