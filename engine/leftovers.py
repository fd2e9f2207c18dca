"""Unfinished files, probe objects and uploads of photostat in a store: which are told, and which are removed.

Only what this workspace has provably left behind is removed; what is another's, or may be under way, is told.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

from engine.ledger.lock import Holder, LedgerLocked, Lock, find_holder
from engine.ledger.reader import LedgerReader
from engine.store.base import Leftover, LeftoverKind, Store, StoreError
from engine.store.partial_names import STALE_AFTER_S, PartialFile, parse_partial
from engine.workspace import Workspace

_BY_HAND = "remove it by hand if nobody writes it any more"


@dataclass(frozen=True)
class ToldLeftover:
    leftover: Leftover
    removed: bool
    message: str
    """Why it was removed, or was not."""


def clear_leftovers(
    workspace: Workspace, reader: LedgerReader, store: Store, owner: str, prefix: str, now: float
) -> list[ToldLeftover]:
    """Removes what `owner`, this workspace, has left in the store as it was just listed; `now` is Unix time, s.

    Raises StoreError if the store cannot list them."""
    found = list(store.leftovers(prefix))
    if not found:
        return []
    uploads = [each.key for each in found if each.kind is LeftoverKind.UNFINISHED_UPLOAD]
    targets = {image.target for image in reader.by_target(uploads)}
    with _locked(workspace) as holder:
        return [_clear(store, each, _why_kept(each, owner, targets, holder, now)) for each in found]


@contextmanager
def _locked(workspace: Workspace) -> Iterator[Holder | str | None]:
    """Who else holds the ledger's lock, or why it cannot be taken; None while this process holds it."""
    holder = find_holder(workspace.lock_path)
    if holder is not None:
        yield holder
        return
    try:
        lock = Lock.acquire(workspace.lock_path, "reconcile")
    except LedgerLocked as locked:
        yield locked.holder or "another process"
    except OSError as error:
        yield f"nobody can say ({workspace.lock_path}: {error.strerror})"
    else:
        try:
            yield None
        finally:
            lock.release()


def _why_kept(
    leftover: Leftover, owner: str, targets: Collection[str], holder: Holder | str | None, now: float
) -> str | None:
    """None if it may be removed."""
    is_upload = leftover.kind is LeftoverKind.UNFINISHED_UPLOAD
    is_ours = leftover.key in targets if is_upload else leftover.owner == owner
    if not is_ours:
        whose = "another workspace's" if leftover.owner else "nothing shows whose it is"
        return f"{whose}: {_BY_HAND}"
    name = PurePosixPath(leftover.key).name
    partial = parse_partial(name)
    if partial is not None:
        return _why_being_written(name, partial, leftover.modified or now, holder, now)
    return f"may be under way: {holder}" if holder is not None else None


def _why_being_written(
    name: str, partial: PartialFile, modified: float, holder: Holder | str | None, now: float
) -> str | None:
    if not partial.is_of_this_host:
        silent = now - modified > STALE_AFTER_S
        return None if silent else f"written on {partial.host} less than a day ago"
    if isinstance(holder, Holder) and not (holder.is_here and psutil.pid_exists(holder.pid)):
        return f"may be under way: {holder}"
    return f"process {partial.pid} writes it" if _may_write(partial.pid, name, modified) else None


def _may_write(pid: int, name: str, modified: float) -> bool:
    """Whether that process was there when the file was last written, and has it open, as far as can be seen."""
    try:
        if psutil.Process(pid).create_time() > modified:
            return False
        with os.scandir(f"/proc/{pid}/fd") as descriptors:
            return any(Path(each.path).readlink().name == name for each in descriptors)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return psutil.pid_exists(pid)  # a descriptor was closed meanwhile, or there is no /proc
    except (psutil.Error, PermissionError):
        return True


def _clear(store: Store, leftover: Leftover, why_kept: str | None) -> ToldLeftover:
    if why_kept is not None:
        return ToldLeftover(leftover, False, why_kept)
    try:
        store.remove(leftover)
    except StoreError as error:
        return ToldLeftover(leftover, False, f"cannot be removed: {error.failure.message}")
    return ToldLeftover(leftover, True, "left behind by this workspace, and removed")
