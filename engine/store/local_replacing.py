"""A file takes the place of another one in a local store, and of no third one.

Linux can exchange two names in one step (RENAME_EXCHANGE): then the file that has come out is looked at, so that
nobody's is lost who wrote there after the last look. Where that cannot be done, as on many network shares, the look
just before the rename is all there is.
"""

from __future__ import annotations

import contextlib
import os

from engine.store.local_files import FileId, exchange, file_id, give_name


class Changed(Exception):
    """Another file was there: it is there still, or again."""


def take_place(directory: int, partial: str, name: str, before: os.stat_result) -> None:
    """`partial` becomes `name`, whose file was as `before`.

    Raises Changed, or OSError: FileNotFoundError if the name has just been taken away."""
    if _version(_status(name, directory)) != _version(before):
        raise Changed
    ours = file_id(_status(partial, directory))
    if not exchange(partial, name, directory):
        os.rename(partial, name, src_dir_fd=directory, dst_dir_fd=directory)
    elif _content(_status(partial, directory)) != _content(before):
        _give_back(directory, partial, name, ours)
        raise Changed


def _give_back(directory: int, partial: str, name: str, ours: FileId) -> None:
    """Somebody's file, which has come out as `partial`, has its name again; one that came there later stays."""
    try:
        exchange(partial, name, directory)
        if file_id(_status(partial, directory)) != ours:
            exchange(partial, name, directory)
    except FileNotFoundError:  # ours was taken away meanwhile
        with contextlib.suppress(FileExistsError):
            give_name(directory, partial, name)


def _status(name: str, directory: int) -> os.stat_result:
    return os.stat(name, dir_fd=directory, follow_symlinks=False)


def _version(status: os.stat_result) -> tuple[int, ...]:
    """Differs once the file has been written, or another one has its name."""
    return *_content(status), status.st_ctime_ns


def _content(status: os.stat_result) -> tuple[int, ...]:
    """As _version, but the same under another name."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
