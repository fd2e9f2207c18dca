"""A question about a machine is answered, or it is told why not."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

from engine.hosts.children import Children
from engine.hosts.examination import Examination
from engine.messages import Concerns, Problem
from tests.support.waiting import wait_until_async


@dataclass(frozen=True)
class Dies:
    @contextmanager
    def answered(self) -> Iterator[object]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield None


@dataclass(frozen=True)
class Hangs:
    @contextmanager
    def answered(self) -> Iterator[object]:
        signal.pause()
        yield None


async def test_a_question_that_kills_its_process_or_hangs_is_a_problem_of_what_it_concerns(
    tmp_path: Path,
) -> None:
    children = Children(tmp_path / "children", Mock(), asyncio.Event())
    dies = Examination(children, Dies(), Concerns.CODECS, "nothing goes")
    problem = await wait_until_async(lambda: dies.answer(0.0), "its end", asyncio.sleep)
    why = "nothing goes: the process that tries it was killed by SIGKILL: is there memory for it?"
    assert problem == Problem(Concerns.CODECS, why)
    hangs = Examination(children, Hangs(), Concerns.SOURCES, "/scans/1.jp2 cannot be seen")
    assert hangs.answer(0.0) is None
    why = "/scans/1.jp2 cannot be seen: no answer for 1 min 00 s: does something hang?"
    assert hangs.answer(1e9) == Problem(Concerns.SOURCES, why)
    for examination in (dies, hangs):
        examination.close()
    await children.close()
