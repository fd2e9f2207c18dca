"""A new engine reports once to whoever started it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.control.launch import (
    AFTER_THE_END,
    NotStarted,
    Started,
    StartReport,
    last_line,
    start_engine,
)
from engine.failures import UserError
from engine.workspace import Workspace


def test_only_the_first_report_is_written(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    start = StartReport(writing)
    start.write(Started(4711, 2, 3))
    with (tmp_path / "another").open("wb") as another:
        assert another.fileno() == writing, "the number of the closed pipe is given to another file"
        start.write(NotStarted("too late"))
    assert (tmp_path / "another").read_bytes() == b""
    assert os.read(reading, 1000) == b'{"type": "Started", "pid": 4711, "workers": 2, "workers_asked": 3}\n'
    assert os.read(reading, 1000) == b""
    os.close(reading)


def test_a_report_that_nobody_waits_for_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    StartReport(writing).write(NotStarted("the disk is full"))
    StartReport(None).write(Started(4711, 2, 2))


def test_an_engine_that_cannot_start_says_why(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "workspace")
    workspace.config_path.write_text("[jpeg]\nqualty = 92\n")
    with pytest.raises(UserError, match=r"photostat\.toml: \[jpeg\] qualty: no such key; did you"):
        start_engine(workspace)


def test_what_is_said_after_its_end_is_no_reason_for_it(tmp_path: Path) -> None:
    output = tmp_path / "engine-output.log"
    output.write_text(
        f"before\nlibvips: no memory\n\n{AFTER_THE_END}{'x' * 300}\n" + f"{AFTER_THE_END}y\n" * 4
    )
    assert last_line(output) == "libvips: no memory"
    output.write_text(f"{AFTER_THE_END}y\n")
    assert last_line(output) == ""
    output.write_text("z" * 20_000)
    assert last_line(output) == "z" * 600
