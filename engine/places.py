"""Where scratch may be: not where anything lies that is not ours to remove, and where files can be made."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from engine.config import Config
from engine.store.base import file_path

ADVICE = 'give scratch a directory of its own, like "scratch"'


def scratch_conflict(place: Path, root: Path, config: Config, *, really: bool = False) -> str | None:
    """Why this directory cannot be scratch, one line; None where nothing speaks against it.

    `really` follows symbolic links, which looks at the disk."""
    path = os.path.realpath if really else os.path.normpath
    scratch = path(place)
    if scratch == path(root):
        return f"this is the workspace itself: {ADVICE}"
    if is_within(scratch, path(root / "logs")):
        return f"this is where the logs are: {ADVICE}"
    if config.store.url.startswith("file:"):
        store = path(root / Path(file_path(config.store.url)).expanduser())
        if is_within(scratch, store):
            return f"this is {'' if scratch == store else 'inside '}the store: {ADVICE}"
    if config.manifest.root and is_within(path(root / Path(config.manifest.root).expanduser()), scratch):
        return f"the sources are there ([manifest] root): {ADVICE}"
    return None


def path_variants(place: Path) -> set[str]:
    """The directory as it is written, and where that leads."""
    return {os.path.normpath(place), os.path.realpath(place)}


def sources_in_scratch(source: str) -> str:
    """What to say where a source of the ledger lies in scratch."""
    return f"there are sources in it, like {source}: {ADVICE}"


def write_problem(place: Path) -> str | None:
    """Tries whether files can be made in this directory, leaves nothing behind; why not, or None."""
    made = [path for path in (place, *place.parents) if not path.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".photostat-", dir=place) as trial:
            trial.write(b"photostat was here\n")
            trial.flush()
    except OSError as error:
        return f"{describe_os_error(error, place)}; {ADVICE}"
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
    return None


def describe_os_error(error: OSError, place: Path) -> str:
    """What went wrong in making a directory or a file in it."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename or place}: not a directory"
    return f"{place}: {error.strerror}"


def is_within(path: str, above: str) -> bool:
    """Whether it is that directory or below it; both absolute and normal."""
    return path == above or path.startswith(above.rstrip("/") + "/")
