"""Every process loads only what it uses: the start of a run, and of a command, is mostly loading."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.loaded_modules import LoadedModules
from tests.support.seaweed import BUCKET, Seaweed

TERMINAL = {"textual", "rich.console"}
CODECS = {"numpy", "pyvips", "PIL", "glymur", "jpylyzer"}
S3 = {"boto3", "botocore", "urllib3"}
CLUSTER = {
    "distributed",
    "cryptography",
    "engine.hosts.wire",
    "engine.hosts.remote",
    "engine.supervisor.joining",
}
SUPERVISION = {
    "asyncio",
    "sqlite3",
    "engine.ledger",
    "engine.supervisor",
    "engine.control",
    "engine.hosts",
    "tui",
}
SLOW = {"dataclasses", "importlib.metadata", "psutil"}
"""Making a dataclass takes fifty times as long as making a Struct; to load one of the others takes 10 ms or more."""


@pytest.mark.parametrize("command", ["--help", "--version", "init", "add", "status"])
def test_a_quick_command_loads_no_library_that_it_does_not_use(
    workspace: MakeWorkspace, tmp_path: Path, command: str
) -> None:
    loaded = LoadedModules(tmp_path / "loaded")
    arguments: dict[str, list[str | Path]] = {
        "init": [tmp_path / "new"],
        "add": [tmp_path / "workspace" / "export.csv", "--batch", "plates"],
    }
    root = workspace(images=1) if command in ("add", "status") else None
    photostat(command, *arguments.get(command, []), workspace=root, env=loaded.environment)
    found = loaded.of(command)
    assert not found & (TERMINAL | CODECS | S3 | CLUSTER | SLOW)
    if command.startswith("--"):
        assert not found & {"sqlite3", "engine.config", "tui.commands"}


def test_each_process_of_a_run_loads_only_what_it_uses(
    workspace: MakeWorkspace, tmp_path: Path, seaweed: Seaweed, prefix: str
) -> None:
    store = f'[store]\nurl = "s3://{BUCKET}/{prefix.rstrip("/")}"\nendpoint = "{seaweed.endpoint}"\n'
    root, loaded = workspace(images=1, settings=store), LoadedModules(tmp_path / "loaded")
    photostat("run", "--foreground", "--workers", "1", workspace=root, env=loaded.environment)
    assert not loaded.of("run --foreground") & (TERMINAL | CODECS | S3 | CLUSTER | SLOW | {"asyncio"})
    engine, worker = loaded.of("-m engine"), loaded.of("photostat-worker")
    surveyor, uploader = loaded.of("photostat-surveyor"), loaded.of("photostat-uploader")
    for found in (engine, worker, surveyor, uploader):
        assert not found & (TERMINAL | CLUSTER)
    assert not engine & (
        CODECS | S3 | {"tui", "psutil", "importlib.metadata", "engine.jp2", "engine.conversion"}
    )
    assert not worker & (S3 | SUPERVISION | SLOW | {"glymur.jp2k", "lxml", "PIL.Image"})
    assert not surveyor & (CODECS | S3 | SUPERVISION | SLOW)
    assert not uploader & (CODECS | SUPERVISION | {"psutil", "engine.jp2"})
    assert "numpy" in worker and "boto3" in uploader and "sqlite3" in engine
