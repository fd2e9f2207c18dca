"""Orders about images, by the engine if one runs: how far they are, until they are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.control.offline import engine_or_ledger
from engine.control.ordering import OrderInterrupted
from engine.control.requests import LedgerRequest
from engine.workspace import Workspace
from tui.commands.shared.output import warn
from tui.commands.shared.progress import progress_bar


def carry_out(workspace: Workspace, command: str, title: str, request: LedgerRequest) -> int:
    """How many images were changed. Raises UserError, EngineSilent, and OrderLeft if the engine leaves meanwhile."""
    with (
        told_when_interrupted(),
        progress_bar(title) as show,
        engine_or_ledger(workspace, command, progress=show) as do,
    ):
        return do(request).count


@contextmanager
def told_when_interrupted() -> Iterator[None]:
    """Ctrl-C says what becomes of an order that the engine has taken."""
    try:
        yield
    except OrderInterrupted as interrupted:
        warn(str(interrupted))
        raise
