"""Who may convert for an engine: what a host must show first, and what is told of one that shows something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import start_engine, status, wait_for_end
from tests.support.host_processes import HostProcess, engine_events, free_port, settings, wait_for_hosts
from tests.support.waiting import wait_until


@pytest.fixture
def hosts() -> Iterator[list[HostProcess]]:
    """Those that a test has started; what is left of them is ended."""
    started: list[HostProcess] = []
    yield started
    for host in started:
        with suppress(psutil.NoSuchProcess):
            host.kill()


def hold_of(root: Path, name: str) -> dict[str, Any] | None:
    return next(
        (host["hold"] for host in status(root)["hosts"] if host["name"] == name and host["hold"]), None
    )


def test_what_makes_other_bytes_or_sees_something_else_converts_nothing_and_is_told_in_one_line(
    workspace: MakeWorkspace, hosts: list[HostProcess]
) -> None:
    root = workspace(images=6, settings=settings(free_port()))
    start_engine(root, "--workers", "1")
    photostat("pause", workspace=root)
    other_wheel = HostProcess(root, "b", site=OTHER_WHEEL)
    other_bytes = HostProcess(root, "c", site=OTHER_BYTES)
    no_codec = HostProcess(root, "d", site=NO_CODEC)
    hosts += [other_wheel, other_bytes, no_codec]
    assert other_wheel.process.wait() == other_bytes.process.wait() == 2
    line = other_wheel.last_line
    assert "the engine refuses b: pyvips-binary 0.1 is there, and " in line
    line = other_bytes.last_line
    assert "the engine refuses c: same versions, other bytes: photostat " in line
    hold = wait_until(lambda: hold_of(root, "d"), "the hold of a host that cannot convert")
    assert hold["detail"].startswith("nothing can be converted there: ") and "pyvips" in hold["detail"]
    wait_until(lambda: hold["detail"] in no_codec.said, "what people there are told")
    told = engine_events(root)
    assert sum("b cannot join: pyvips-binary 0.1 is there" in message for message in told) == 1
    assert sum("c cannot join: same versions, other bytes" in message for message in told) == 1
    mended = HostProcess(root, "c")
    hosts.append(mended)
    wait_for_hosts(root, "c", "d")
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 6


OTHER_WHEEL = """
import importlib.metadata as metadata
true_version = metadata.version
metadata.version = lambda name: "0.1" if name == "pyvips-binary" else true_version(name)
"""
OTHER_BYTES = """
import sys
if sys.argv[-1] == "photostat-examiner":
    from engine.conversion import specimens
    from dataclasses import replace
    from engine.config import JpegSettings
    specimens.SPECIMENS = tuple(replace(one, jpeg=JpegSettings(quality=50)) for one in specimens.SPECIMENS)
"""
NO_CODEC = """
import sys
sys.modules["pyvips"] = None
"""
