"""Options and arguments that several commands take, how a shell completes them, and what is wrong with a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.config import MOST_WORKERS
from engine.config.cluster_extra import HERE
from engine.failures import Cause, UserError, nearest, one_line
from engine.files.regular_files import NotRegular, check_regular
from engine.formatting import counted
from engine.ledger.batch_order import check_known
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tui.commands.shared.output import warn

F = TypeVar("F", bound=Callable[..., Any])

worker_count = click.IntRange(1, MOST_WORKERS)


def workspace_of(ctx: click.Context) -> Workspace:
    """The workspace that -C, PHOTOSTAT_WORKSPACE or the current directory names; raises UserError if there is none."""
    return Workspace.find(ctx.find_root().params.get("directory"))


def complete_batch(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The workspace's batches, for the shell's completion; none if there is no ledger to ask."""
    try:
        with LedgerReader(workspace_of(ctx)) as reader:
            return [name for name in reader.account() if name.startswith(incomplete)]
    except UserError:
        return []


def complete_cause(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    return [cause.value for cause in Cause if cause.value.startswith(incomplete)]


def complete_host(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The machines that images were tried on, like `complete_batch`."""
    try:
        with LedgerReader(workspace_of(ctx)) as reader:
            return [name for name in (HERE, *reader.other_hosts()) if name.startswith(incomplete)]
    except UserError:
        return []


json_option: Callable[[F], F] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout instead."
)
batch_option: Callable[[F], F] = click.option(
    "--batch", shell_complete=complete_batch, help="Only this batch."
)
batches_option: Callable[[F], F] = click.option(
    "--batch",
    "batches",
    multiple=True,
    shell_complete=complete_batch,
    help="Only this batch; may be given again. The order is that of `photostat batches`.",
)
workers_option: Callable[[F], F] = click.option(
    "--workers", type=worker_count, help="How many worker processes, instead of the setting."
)
cause_option: Callable[[F], F] = click.option(
    "--cause", shell_complete=complete_cause, help="Only failures of this cause."
)
csv_option: Callable[[F], F] = click.option(
    "--csv", "as_csv", is_flag=True, help="CSV with a header on stdout instead."
)
barcode_option: Callable[[F], F] = click.option(
    "--barcode", metavar="B", help="Only images with this barcode; B* for all that begin so."
)
record_option: Callable[[F], F] = click.option(
    "--record", metavar="R", help="Only images of this bibliographic record; R* for all that begin so."
)

tried_on_option: Callable[[F], F] = click.option(
    "--host",
    metavar="NAME",
    shell_complete=complete_host,
    help=f"Only images whose last attempt was on this host; {HERE} is the engine's own machine.",
)


def check_batch(batch: str | None, known: Iterable[str]) -> None:
    """Raises UserError for a batch that is not among those of the ledger; the message names the nearest, or all."""
    if batch is not None:
        check_known(batch, list(known))


def check_cause(cause: str | None) -> None:
    """Raises UserError for a cause that does not exist."""
    known = [known.value for known in Cause]
    if cause is not None and cause not in known:
        meant = nearest(cause, known)
        advice = f"did you mean {meant}?" if meant else "`photostat failures` shows those there are"
        raise UserError(f"no cause {one_line(cause)!r}; {advice}")


def check_ids(reader: LedgerReader, ids: Iterable[int]) -> None:
    """Raises UserError for images that the ledger does not have."""
    unknown = [str(number) for number in ids if reader.image(number) is None]
    if unknown:
        shown = ", ".join(unknown[:20]) + (", …" if len(unknown) > 20 else "")
        raise UserError(f"no image {shown} in the ledger; nothing was changed")


def warn_of_others(count: int) -> None:
    """Says that so many of the images that were named have not failed, if any."""
    if count:
        warn(
            f"{counted(count, 'image')} left as {'it is: it has' if count == 1 else 'they are: they have'} not failed."
        )


def existing_file(path: Path) -> Path:
    """Raises UserError if there is no such file, or if it is no ordinary one."""
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    try:
        check_regular(path.stat(), str(path))
    except NotRegular as error:
        advice = "" if path.is_dir() else ": write what it gives to a file, and add that"
        raise UserError(f"{path}: this is {error.what}, not a file{advice}") from error
    return path
