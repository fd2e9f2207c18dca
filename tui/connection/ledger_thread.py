"""The ledger for reading, in a thread of its own, so that no query blocks the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from engine.failures import UserError
from engine.ledger.filters import ImageFilter
from engine.ledger.reader import LedgerReader

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class ImageQuery:
    """Which images a list shows, and in which order."""

    state: str | None = None
    batch: str | None = None
    cause: str | None = None
    uuid: str | None = None
    text: str | None = None
    sort: str = "id"
    descending: bool = False

    @property
    def filter(self) -> ImageFilter:
        return ImageFilter(self.batch, self.state, self.cause, self.text, self.uuid)


class LedgerThread:
    """`ask` runs a function on the reader and returns its answer; one function at a time."""

    def __init__(self, open_reader: Callable[[], LedgerReader]) -> None:
        self._open = open_reader
        self._reader: LedgerReader | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def ask(self, question: Callable[[LedgerReader], AnswerT]) -> AnswerT:
        """Raises what the question raises: UserError, sqlite3.Error; UserError after `close`."""
        if self._closed:
            raise UserError("the ledger is closed: the app is leaving")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def _answer(self, question: Callable[[LedgerReader], AnswerT]) -> AnswerT:
        if self._reader is None:
            self._reader = self._open()
        return question(self._reader)

    def close(self) -> None:
        """Returns at once; the thread ends with its last question."""
        if self._closed:
            return
        self._closed = True
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
