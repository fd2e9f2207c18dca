"""Headers that several processes read: the same results in the same order, whatever a source does to a process."""

from __future__ import annotations

import dataclasses
import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.failures import Cause, Failure
from engine.files.bounded_reads import NoAnswer
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.messages import Surveyed, SurveyRequest
from engine.preflight import check as preflight
from engine.preflight.headers import Chunk, ManyProcesses, OneProcess, header_reader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import start
from tests.support.hung_sources import HungSources
from tests.support.jp2_files import cut
from tests.support.ledgers import make_ledger
from tests.support.many_rows import make_many_rows
from tests.support.odd_header_child import odd_main
from tests.support.waiting import has_ended, wait_until


def test_many_processes_find_what_one_finds(
    workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(images=12)
    sources = sorted((root / "source").rglob("*.jp2"))
    cut(sources[2], 60)
    sources[5].unlink()
    sources[7].write_text("no picture")
    monkeypatch.setattr(preflight, "_CHUNK", 2)
    opened = Workspace(root)
    found: list[tuple[Any, ...]] = []
    for processes in (0, 3):
        steps: list[tuple[int, int]] = []
        headers: list[int] = []
        result = preflight.check(
            opened,
            opened.config(),
            2,
            None,
            lambda done, of, steps=steps: steps.append((done, of)),  # type: ignore[misc]
            lambda row, path, header, headers=headers: headers.append(row.id),  # type: ignore[misc]
            processes=processes,
        )
        found.append((dataclasses.replace(result, seconds_taken=0.0), steps, headers))
    assert found[0] == found[1]
    result, steps, headers = found[1]
    assert len(result.findings) == 3 and headers == sorted(headers) and len(headers) == 9
    assert steps == [(done, 12) for done in range(2, 13, 2)]


def rows_of(tmp_path: Path, names: list[str]) -> tuple[list[ImageRow], dict[int, str]]:
    with LedgerReader(make_ledger(tmp_path / "ws", len(names))) as reader:
        rows = reader.images()
    return rows, {row.id: str(tmp_path / name) for row, name in zip(rows, names, strict=True)}


def read_all(tmp_path: Path, names: list[str], processes: int = 2) -> list[Surveyed | Failure | NoAnswer]:
    rows, paths = rows_of(tmp_path, names)
    chunks = [Chunk(rows[at : at + 3], 0, at + 3) for at in range(0, len(rows), 3)]
    many = ManyProcesses(lambda row: SurveyRequest(row.id, paths[row.id], row.uuid), 2.0, processes, odd_main)
    with closing(many):
        return [found for _, results in many.read(iter(chunks)) for found in results]


def test_a_source_that_ends_its_process_is_at_fault_alone(tmp_path: Path) -> None:
    names = ["a", "kills-1", "b", "c", "kills-2", "kills-3", "d"]
    found = read_all(tmp_path, names)
    causes = [one.cause for one in found if isinstance(one, Failure)]
    crashed, missing = Cause.WORKER_CRASHED, Cause.SOURCE_MISSING
    assert causes == [missing, crashed, missing, missing, crashed, crashed, missing]
    assert isinstance(found[1], Failure) and "was killed by SIGSEGV" in found[1].message


def test_a_source_that_hangs_costs_its_own_result(tmp_path: Path) -> None:
    found = read_all(tmp_path, ["a", "hangs", "b", "c", "hangs-too", "d", "e"])
    assert [isinstance(one, NoAnswer) for one in found] == [False, True, False, False, True, False, False]


def test_few_headers_need_no_process() -> None:
    with closing(header_reader(lambda row: SurveyRequest(row.id, "", ""), 1.0, 40, None)) as few:
        assert isinstance(few, OneProcess)


def test_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    root = make_many_rows(tmp_path / "ws", 12_000).root
    with start("check", workspace=root) as check:
        shell = psutil.Process(check.pid)

        def readers() -> list[psutil.Process]:
            return [p for p in shell.children(recursive=True) if "photostat check headers" in p.cmdline()]

        found = wait_until(readers, "the processes that read headers")
        for process in found:
            os.kill(process.pid, signal.SIGSTOP)  # so that the check stands in the middle
        everything = shell.children(recursive=True)
        check.send_signal(signal.SIGINT)
        check.communicate()
        assert check.returncode == 130
        wait_until(lambda: all(map(has_ended, everything)), "the end of all of them")


@pytest.mark.parametrize("processes", [0, 2])
def test_a_share_that_hangs_is_told_whoever_reads(
    workspace: MakeWorkspace, hung_sources: HungSources, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    root = workspace(images=9, settings="[engine]\ntimeout = 1\n")
    share = hung_sources(root / "source")
    share.hang("open", "*")
    monkeypatch.setattr(preflight, "_CHUNK", 4)
    monkeypatch.setattr(preflight, "_MOST_UNANSWERED", 4)
    opened = Workspace(root)
    found = preflight.check(opened, opened.config(), 1, None, lambda done, of: None, processes=processes)
    share.answer()
    assert "4 sources in a row do not answer" in (found.share_problem or "")
    assert (found.images, found.converted_meanwhile, len(found.findings)) == (4, 0, 4)
    assert [hold.reason for hold in found.would_hold] == ["source"]
