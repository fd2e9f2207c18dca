"""A process for one question about its machine, before that converts with others: the answer may hang, or kill it.

It sends one answer, and keeps what belongs to it, the mark in a store, until its pipe ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from engine.config import StoreSettings
from engine.conversion.specimens import Conversions, convert_specimens
from engine.failures import ImageError, one_line, unforeseen_text
from engine.files.regular_files import open_bytes
from engine.messages import Concerns, KnownStore, Problem
from engine.processes.child import tie_to_parent
from engine.store.base import StoreError
from engine.store.marks import check_mark, mark_left
from engine.store.open import local_path

_FIRST_BYTES = 1 << 18
_LAST_BYTES = 1 << 16


class SourceSight(Struct, frozen=True):
    """A source as a machine sees it."""

    path: str
    size_bytes: int
    digest: str
    """Of its first 256 KiB, where the headers are, and its last 64 KiB."""


class Shown(Struct, frozen=True):
    """What the engine sees, and other machines are to see."""

    sources: tuple[SourceSight, ...]
    mark: str
    """The name of a file in the store, if that is a directory."""


class Alike(Struct, frozen=True):
    """The machine sees what the engine does."""


class Question(Protocol):
    def answered(self) -> AbstractContextManager[object]:
        """The answer; what belongs to it lasts as long."""


class ConvertSpecimens(Struct, frozen=True):
    """Answered by Conversions, or a Problem."""

    directory: Path
    """Where files can be written."""

    @contextmanager
    def answered(self) -> Iterator[object]:
        yield _specimens(self.directory)


class Show(Struct, frozen=True):
    """For the engine's machine: answered by Shown, or a Problem."""

    sources: tuple[str, ...]
    """None: the store alone is looked at."""
    store: StoreSettings
    root: Path
    """The workspace's directory."""
    known: KnownStore

    @contextmanager
    def answered(self) -> Iterator[object]:
        seen = tuple(sight for path in self.sources if isinstance(sight := look(path), SourceSight))
        if self.sources and not seen:
            yield Problem(Concerns.SOURCES, f"{self.sources[0]} cannot be read where the engine is")
            return
        if not self.store.url.startswith("file:"):
            yield Shown(seen, "")
            return
        with contextlib.ExitStack() as stack:
            try:
                mark = stack.enter_context(mark_left(local_path(self.store, self.root), self.known))
            except StoreError as error:
                yield Problem(Concerns.STORE, error.failure.with_remedy)
                return
            yield Shown(seen, mark)


class Compare(Struct, frozen=True):
    """For another machine: answered by Alike, or a Problem."""

    shown: Shown
    store: StoreSettings
    root: Path
    known: KnownStore

    @contextmanager
    def answered(self) -> Iterator[object]:
        yield self._problem() or Alike()

    def _problem(self) -> Problem | None:
        for source in self.shown.sources:
            if found := _otherwise(source):
                what, advice = found
                return Problem(Concerns.SOURCES, f"{source.path} {what}. {advice}", advice)
        if self.shown.mark:
            try:
                check_mark(local_path(self.store, self.root), self.shown.mark, self.known)
            except StoreError as error:
                return Problem(Concerns.STORE, error.failure.with_remedy)
        return None


def seen_words(sources: Sequence[str], store: str) -> str:
    """What is looked at, as the subject of a sentence."""
    return " and ".join([*sources[:1], f"the store {store}"])


def examiner_main(connection: Connection[Any, Any], parent_pid: int, question: Question) -> None:
    """The process's main: ends with its pipe."""
    tie_to_parent(parent_pid, killed_first=True)
    gone = contextlib.suppress(EOFError, OSError)  # whoever has asked
    with question.answered() as answer, gone:
        connection.send(answer)
        connection.recv()


def _specimens(directory: Path) -> Conversions | Problem:
    try:
        return convert_specimens(directory)
    except ImageError as error:
        why = error.failure.message
    except Exception as error:  # noqa: BLE001 - whatever a library raises when it is loaded
        why = unforeseen_text(error)
    advice = "Install photostat anew, from the same wheels as where the engine is"
    return Problem(Concerns.CODECS, f"nothing can be converted here: {one_line(why)}. {advice}")


def look(path: str) -> SourceSight | OSError:
    """A source as it is here."""
    try:
        with open_bytes(path) as source:
            size = os.fstat(source.fileno()).st_size
            digest = hashlib.blake2b(source.read(_FIRST_BYTES), digest_size=16)
            source.seek(max(0, size - _LAST_BYTES))
            digest.update(source.read(_LAST_BYTES))
    except OSError as error:
        return error
    return SourceSight(path, size, digest.hexdigest())


def _otherwise(source: SourceSight) -> tuple[str, str] | None:
    """How a source is not what the engine sees, and what to do."""
    here = look(source.path)
    if isinstance(here, FileNotFoundError):
        return f"is not here: {_what_is_there(Path(source.path))}", _MOUNT
    if isinstance(here, OSError):
        return f"cannot be read here: {here.strerror}", _READ
    if here.size_bytes != source.size_bytes:
        found = f"{here.size_bytes} bytes here, and {source.size_bytes} where the engine is"
        return f"has {found}: it is another share", _MOUNT
    if here.digest != source.digest:
        return "has other bytes here than where the engine is: it is another share", _MOUNT
    return None


_MOUNT = "Mount the same share under the same path as where the engine is"
_READ = "Let the user of `photostat host` read the sources"


def _what_is_there(path: Path) -> str:
    """Of a path that is not there: the nearest directory above it that is, and what that lacks."""
    below = path
    for above in path.parents:
        with contextlib.suppress(OSError), os.scandir(above) as entries:
            return f"{above} is empty" if next(entries, None) is None else f"{above} has no {below.name}"
        below = above
    return f"{below} is not there"
