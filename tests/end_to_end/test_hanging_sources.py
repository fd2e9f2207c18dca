"""Sources that never answer: nothing waits for them for ever, and they cost nothing but themselves."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import start_engine, status, wait_for_end
from tests.support.hung_sources import HungSources
from tests.support.waiting import has_ended, wait_until


def first_source(root: Path) -> Path:
    return min((root / "source").rglob("*.jp2"))


def test_stop_leaves_behind_what_no_signal_ends_and_names_it(
    workspace: MakeWorkspace, hung_sources: HungSources
) -> None:
    root = workspace(images=3)
    share = hung_sources(root / "source")
    source = first_source(root)
    share.hang("read", source.name)
    start_engine(root, "--workers", "1")
    share.wait_for_requests()
    stopped = photostat("stop", "--json", workspace=root)
    (left,) = stopped.json["left_behind"]
    assert left["path"] == str(source)
    assert f"Left behind: process {left['pid']} (photostat-surveyor), at {source}" in stopped.stderr
    assert status(root)["engine"] is None
    assert f"process {left['pid']}" in photostat("status", workspace=root).stdout
    assert f"process {left['pid']}" in (root / "logs" / "engine-output.log").read_text()
    process = psutil.Process(left["pid"])
    assert not has_ended(process)
    start_engine(root, "--workers", "1")  # it runs beside it, and knows it
    assert [one["pid"] for one in status(root)["left_behind"]] == [left["pid"]]
    share.answer()
    wait_until(lambda: has_ended(process), "its end")
    assert wait_for_end(root)["totals"]["done"] == 3
    assert not status(root)["left_behind"]
    assert not (root / "engine.children").exists()
