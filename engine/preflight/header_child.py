"""The process that reads headers for a check, several at once; a hostile file ends only it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from engine.failures import Cause, Failure, ImageError, Stage, one_line
from engine.files.bounded_reads import BoundedReads, NoAnswer
from engine.gpu.eligibility import refusal_by_header
from engine.jp2.jp2_file import Jp2File
from engine.jp2.survey import examine_source
from engine.messages import Surveyed, SurveyRequest
from engine.processes.child import tie_to_parent

READERS = 8
"""Threads that read headers: most of the time they wait for the share."""
_MOST_TOGETHER = 64
_SENT_AFTER_S = 0.5


@dataclass(frozen=True)
class ReadHeaders:
    requests: tuple[SurveyRequest, ...]
    careful: bool
    """One after another, and each result at once: whoever ends the process is known."""


@dataclass(frozen=True)
class HeadersRead:
    """The next results of the oldest ReadHeaders that is not answered in full."""

    found: tuple[Surveyed | Failure | NoAnswer, ...]


def read_header(request: SurveyRequest) -> Surveyed | Failure:
    """Called in several threads at once."""
    try:
        return examine_source(request, _gpu_refusal)
    except ImageError as error:
        return error.failure
    except Exception as error:  # noqa: BLE001 - an unforeseen header costs its own image only
        return Failure(Cause.INTERNAL, Stage.READING, one_line(f"{type(error).__name__}: {error}"))


def _gpu_refusal(file: Jp2File) -> str:
    return refusal_by_header(file.header, file.main_header.markers)


def header_child_main(
    connection: Connection[Any, Any],
    parent_pid: int,
    longest_s: float,
    read: Callable[[SurveyRequest], Surveyed | Failure] = read_header,
) -> None:
    """Answers each ReadHeaders by HeadersRead, in the order of its requests; ends with its pipe."""
    tie_to_parent(parent_pid, killed_first=True)
    many = BoundedReads(read, READERS, longest_s)
    one = BoundedReads(read, 1, longest_s)
    try:
        while True:
            task: ReadHeaders = connection.recv()
            if task.careful:
                for request in task.requests:
                    _send(connection, list(one.read([request])))
            else:
                _answer(connection, many, task.requests)
    except (EOFError, OSError):
        return


def _answer(
    connection: Connection[Any, Any],
    reads: BoundedReads[SurveyRequest, Surveyed | Failure],
    requests: Sequence[SurveyRequest],
) -> None:
    together: list[Surveyed | Failure | NoAnswer] = []
    sent = time.monotonic()
    for found in reads.read(requests):
        together.append(found)
        if (
            len(together) >= _MOST_TOGETHER
            or isinstance(found, NoAnswer)
            or time.monotonic() - sent > _SENT_AFTER_S
        ):
            _send(connection, together)
            together, sent = [], time.monotonic()
    if together:
        _send(connection, together)


def _send(connection: Connection[Any, Any], found: list[Surveyed | Failure | NoAnswer]) -> None:
    connection.send(HeadersRead(tuple(found)))
