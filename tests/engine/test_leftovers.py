"""What photostat has left unfinished in a store is told by reconcile, and removed if it is this workspace's."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from engine.ledger.known_store import known_store
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.store.partial_names import is_left_behind, parse_partial, partial_name, this_host
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.ledgers import make_ledger
from tests.support.seaweed import BUCKET, Seaweed

NOBODY = 4194305
"""Above Linux's largest process number."""
OTHER = "0123456789abcdef"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_ledger(tmp_path / "workspace", 5)


def owner_of(workspace: Workspace) -> str:
    with LedgerReader(workspace) as reader:
        return known_store(reader, workspace.root).owner


def targets_of(workspace: Workspace) -> list[str]:
    with LedgerReader(workspace) as reader:
        return [image.target for image in reader.iterate()]


def name_of(owner: str, pid: int = NOBODY, host: str = "") -> str:
    """Of an unfinished file that another process has begun."""
    name = partial_name(owner).replace(f"-{os.getpid()}-", f"-{pid}-")
    return name.replace(f"{this_host()}-{pid}", f"{host or this_host()}-{pid}")


def told(workspace: Workspace, *more: str) -> dict[str, tuple[bool, str]]:
    """Whether it was removed, and why, by key; the store has nothing else."""
    found: dict[str, Any] = photostat("reconcile", "--json", *more, workspace=workspace.root).json
    assert (found["objects"], found["extra"], found["differences"]) == (0, 0, [])
    return {each["target"]: (each["removed"], each["message"]) for each in found["leftovers"]}


def test_unfinished_files_of_this_workspace_are_removed_and_all_others_told(workspace: Workspace) -> None:
    out, owner, old = workspace.root / "out", owner_of(workspace), time.time() - 100_000
    directory = out / Path(targets_of(workspace)[0]).parent
    directory.mkdir(parents=True)
    removed = {
        name_of(owner): None,
        name_of(owner, os.getpid()): old,  # a process number that another process has again
        name_of(owner, host="elsewhere"): old,
    }
    kept = {
        name_of(owner, os.getpid()): f"process {os.getpid()} writes it",
        name_of(owner, host="elsewhere"): "written on elsewhere less than a day ago",
        name_of(OTHER): "another workspace's",
        name_of(""): "nothing shows whose it is",
    }
    for name in (*removed, *kept):
        (directory / name).write_bytes(b"half a JPEG")
        if modified := removed.get(name):
            os.utime(directory / name, (modified, modified))
    being_written = directory / next(iter(kept))
    with being_written.open("ab"), Ledger.open(workspace):  # as an engine that runs
        found = told(workspace)
    where = str(directory.relative_to(out))
    assert {key for key, (gone, _) in found.items() if gone} == {f"{where}/{name}" for name in removed}
    for name, why in kept.items():
        assert found[f"{where}/{name}"][1].startswith(why)
    assert {path.name for path in directory.iterdir()} == set(kept)
    text = photostat("reconcile", workspace=workspace.root).stdout
    assert text.count("partial-file") == len(kept)
    assert not being_written.exists()  # nobody has it open any more


def test_a_copy_of_a_workspace_does_not_own_the_originals_files(workspace: Workspace, tmp_path: Path) -> None:
    with LedgerReader(workspace) as reader:
        assert known_store(reader, workspace.root).owner != known_store(reader, tmp_path / "copy").owner


def test_an_unfinished_file_of_a_process_number_that_is_alive_again_is_left_behind() -> None:
    name = name_of(OTHER, os.getppid())
    partial = parse_partial(name)
    assert partial is not None
    assert (partial.owner, partial.pid) == (OTHER, os.getppid())
    assert is_left_behind(name, time.time(), OTHER)
    assert not is_left_behind(name, 0, "f" * 16)
    assert not is_left_behind(name, 0)


@pytest.mark.usefixtures("s3_credentials")
def test_probe_objects_and_uploads_of_this_workspace_are_removed_from_a_bucket(
    workspace: Workspace, seaweed: Seaweed, prefix: str
) -> None:
    settings = f'[store]\nurl = "s3://{BUCKET}/{prefix}"\nendpoint = "{seaweed.endpoint}"\n'
    (workspace.root / "photostat.toml").write_text(settings, encoding="utf-8")
    client, owner, target = seaweed.client(), owner_of(workspace), targets_of(workspace)[0]
    probes = [f".photostat-check-{owner}", ".photostat-check", f".photostat-check-{OTHER}"]
    of_a_host = f"{probes[0]}-conv2"
    for key in (*probes, of_a_host):
        client.put_object(Bucket=BUCKET, Key=prefix + key, Body=b"photostat was here\n")
    for key in (target, "another/one.jpg"):
        client.create_multipart_upload(Bucket=BUCKET, Key=prefix + key)
    with Ledger.open(workspace):
        found = told(workspace)
    assert not any(removed for removed, _ in found.values())
    assert found[probes[0]][1].startswith("may be under way: `photostat run` (process")
    assert found[target][1].startswith("may be under way: `photostat run` (process")
    found = told(workspace)
    assert {key for key, (removed, _) in found.items() if removed} == {probes[0], of_a_host, target}
    assert found[probes[1]][1].startswith("nothing shows whose it is")
    assert found[probes[2]][1].startswith("another workspace's")
    assert found["another/one.jpg"][1].startswith("nothing shows whose it is")
    assert set(seaweed.contents(prefix)) == {probes[1], probes[2]}
    assert seaweed.unfinished_uploads(prefix) == [f"{prefix}another/one.jpg"]
    photostat("check", workspace=workspace.root, expect=None)
    assert set(seaweed.contents(prefix)) == {probes[1], probes[2]}
