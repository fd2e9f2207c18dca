"""Reads that may never return, each in a thread that is not waited for longer than it may take."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")
R = TypeVar("R")

_LOOK_EVERY_S = 0.05


class NoAnswer(Exception):
    """It has not returned in time; its thread is left behind, and ends when it returns."""


class _Read(Struct, Generic[T, R], eq=False):
    item: T
    done: threading.Event = field(default_factory=threading.Event)
    started: float | None = None
    """Monotonic, s."""
    result: R | None = None
    error: BaseException | None = None


class BoundedReads(Generic[T, R]):
    """Calls a function in several threads at once. A thread whose call does not return is replaced."""

    def __init__(self, read: Callable[[T], R], readers: int, longest_s: float) -> None:
        self._read = read
        self._longest_s = longest_s
        self._waiting: queue.SimpleQueue[_Read[T, R]] = queue.SimpleQueue()
        for _ in range(readers):
            self._add_reader()

    def read(self, items: Sequence[T]) -> Iterator[R | NoAnswer]:
        """The results in the order of the items. What a call raises is raised here."""
        reads = [_Read[T, R](item) for item in items]
        for read in reads:
            self._waiting.put(read)
        for read in reads:
            while not read.done.wait(_LOOK_EVERY_S):
                if read.started is not None and time.monotonic() - read.started > self._longest_s:
                    break
            if not read.done.is_set():
                self._add_reader()
                yield NoAnswer()
            elif read.error is not None:
                raise read.error
            else:
                yield read.result  # type: ignore[misc]

    def _add_reader(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            read = self._waiting.get()
            read.started = time.monotonic()
            try:
                read.result = self._read(read.item)
            except BaseException as error:  # noqa: BLE001 - raised where the result is wanted
                read.error = error
            read.done.set()


def read_within(longest_s: float, read: Callable[[], R]) -> R | NoAnswer:
    """The result of one call."""
    return next(BoundedReads[None, R](lambda _: read(), 1, longest_s).read([None]))
