"""Reads the headers of many sources: in threads of this process, or in several processes, because reading one is work.

Results come in the order of the images, whoever reads them. A source that does not answer costs its own result; one on
which a process dies is read once more, alone, and then is at fault."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import Protocol

from engine.failures import Cause, Failure, Stage
from engine.files.bounded_reads import BoundedReads, NoAnswer
from engine.ledger.models import ImageRow
from engine.messages import Surveyed, SurveyRequest
from engine.preflight.header_child import (
    READERS,
    HeadersRead,
    ReadHeaders,
    header_child_main,
    read_header,
)
from engine.processes.child import Child, describe_exit

Found = Surveyed | Failure | NoAnswer

_FEW = 4096
"""So many headers are read before other processes would have begun."""
_AHEAD = 2
"""Chunks that a process has: one that it reads and the next."""
_MOST_PROCESSES = 16
_LOOK_EVERY_S = 0.5
_ENDS_WITHIN_S = 1.0


@dataclass
class Chunk:
    """Images whose headers are read together."""

    rows: list[ImageRow]
    gone: int
    """Of the images that it was to have, those that an engine has converted meanwhile."""
    end: int
    """How many images there are up to its last one."""


class HeaderReader(Protocol):
    def read(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Iterator[Found]]]:
        """Each chunk with the results of its rows, in their order; take those before the next chunk."""

    def close(self) -> None:
        """Also while a source does not answer."""


def header_reader(
    request: Callable[[ImageRow], SurveyRequest], longest_s: float, images: int, processes: int | None
) -> HeaderReader:
    """`processes` as for `check`."""
    if processes is None:
        processes = min(os.cpu_count() or 1, _MOST_PROCESSES) if images > _FEW else 0
    return ManyProcesses(request, longest_s, processes) if processes else OneProcess(request, longest_s)


class OneProcess:
    def __init__(self, request: Callable[[ImageRow], SurveyRequest], longest_s: float) -> None:
        self._request = request
        self._reads = BoundedReads(read_header, READERS, longest_s)

    def read(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Iterator[Found]]]:
        for chunk in chunks:
            yield chunk, self._reads.read([self._request(row) for row in chunk.rows])

    def close(self) -> None:
        """Its threads end with the process."""


@dataclass(eq=False)
class _Work:
    """A chunk that a process has."""

    chunk: Chunk
    requests: list[SurveyRequest]
    found: list[Found] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        return len(self.found) == len(self.requests)


@dataclass(eq=False)
class _Reader:
    """A process and its work, the oldest first."""

    child: Child
    work: deque[_Work] = field(default_factory=deque)
    is_careful: bool = False
    """Reads one source after another, because one of them ended the process before."""


class ManyProcesses:
    def __init__(
        self,
        request: Callable[[ImageRow], SurveyRequest],
        longest_s: float,
        processes: int,
        main: Callable[..., None] = header_child_main,
    ) -> None:
        """`main` is that of the processes."""
        self._request = request
        self._main = main
        self._longest_s = longest_s
        self._readers = [_Reader(self._new_child()) for _ in range(processes)]

    def read(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, Iterator[Found]]]:
        waiting: deque[_Work] = deque()
        while True:
            self._hand_out(chunks, waiting)
            if not waiting:
                return
            work = waiting.popleft()
            yield work.chunk, self._results(work, chunks, waiting)

    def _results(self, work: _Work, chunks: Iterator[Chunk], waiting: deque[_Work]) -> Iterator[Found]:
        taken = 0
        while True:
            yield from work.found[taken : (taken := len(work.found))]
            if work.is_complete:
                return
            self._gather()
            self._hand_out(chunks, waiting)

    def close(self) -> None:
        for reader in self._readers:
            reader.child.kill()
        for reader in self._readers:
            reader.child.wait(_ENDS_WITHIN_S)
            reader.child.connection.close()

    def _new_child(self) -> Child:
        return Child("photostat check headers", self._main, self._longest_s)

    def _hand_out(self, chunks: Iterator[Chunk], waiting: deque[_Work]) -> None:
        for _ in range(_AHEAD):
            for reader in self._readers:
                if len(reader.work) < _AHEAD and (chunk := next(chunks, None)) is not None:
                    work = _Work(chunk, [self._request(row) for row in chunk.rows])
                    waiting.append(work)
                    if work.requests:
                        reader.work.append(work)
                        self._send(reader, work)

    def _send(self, reader: _Reader, work: _Work) -> None:
        reader.child.send(ReadHeaders(tuple(work.requests[len(work.found) :]), careful=reader.is_careful))

    def _gather(self) -> None:
        by_connection = {reader.child.connection: reader for reader in self._readers}
        for ready in wait(list(by_connection), _LOOK_EVERY_S):
            reader = by_connection[ready]  # type: ignore[index]
            try:
                message: HeadersRead = reader.child.connection.recv()
            except (EOFError, OSError):
                self._replace(reader)
                continue
            work = reader.work[0]
            work.found += message.found
            if work.is_complete:
                reader.work.popleft()

    def _replace(self, reader: _Reader) -> None:
        """Its process is dead: what it had is read again by a careful one."""
        reader.child.wait(_ENDS_WITHIN_S)
        how = describe_exit(reader.child.exit_code)
        reader.child.connection.close()
        if reader.is_careful and reader.work:
            work = reader.work[0]
            what = f"the process that read its header {how}"
            work.found.append(Failure(Cause.WORKER_CRASHED, Stage.READING, what))
            if work.is_complete:
                reader.work.popleft()
        reader.child, reader.is_careful = self._new_child(), True
        for work in reader.work:
            self._send(reader, work)
