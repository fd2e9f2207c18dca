"""Who may convert for an engine: what a host must show first, and what is told of one that shows something else."""

from __future__ import annotations

import shutil
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine import __version__
from engine.hosts import invitations
from engine.hosts.invitations import Authority
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    restore_share,
    resume_worker,
    start_engine,
    start_engine_without_share,
    status,
    stored_digests,
    suspend_busy_worker,
    wait_for_end,
)
from tests.support.host_processes import HostProcess, engine_events, free_port, settings, wait_for_hosts
from tests.support.jp2_files import flip_bits, make_jp2
from tests.support.own_mounts import OwnMounts
from tests.support.seaweed import BUCKET, Seaweed
from tests.support.waiting import wait_until


def test_who_has_no_invitation_that_holds_is_not_heard_and_both_sides_say_why(
    workspace: MakeWorkspace, hosts: list[HostProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    root = workspace(images=1, settings=settings(port))
    start_engine_without_share(root)
    foreign = Authority(root.parent / "elsewhere").invite("b", address)
    good = Authority(Workspace(root).cluster_dir).invite("d", address)
    monkeypatch.setattr(invitations, "_VALID", timedelta(hours=-1))
    expired = Authority(Workspace(root).cluster_dir).invite("c", address)
    damaged = replace(good, credentials=replace(good.credentials, key=foreign.credentials.key))
    for invitation, told in (
        (foreign, f"what answers at {address} is not the engine that has invited b ("),
        (expired, "the invitation of c has expired ("),
        (damaged, "the invitation of d is damaged: copy the file again"),
    ):
        hosts.append(HostProcess(root, invitation.name, invitation=invitation))
        assert hosts[-1].process.wait() == 2
        assert told in hosts[-1].last_line, hosts[-1].said
    without = ssl.create_default_context(cadata=good.credentials.authority)
    without.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        without.wrap_socket(plain) as connection,
        suppress(ssl.SSLError, ConnectionResetError),
    ):
        connection.recv(1)
    for why in (
        "it left when it saw this engine's certificate",
        "its certificate is none of this workspace that holds now (certificate has expired)",
        "it shows no certificate",
    ):
        wait_until_told(root, f"who connects from 127.0.0.1 cannot join: {why}")
    hosts.append(HostProcess(root, "d", invitation=good))
    wait_for_hosts(root, "d")
    restore_share(root)
    assert wait_for_end(root)["totals"]["done"] == 1


@pytest.fixture
def own_mounts() -> OwnMounts:
    return OwnMounts.or_skip()


def wait_until_told(root: Path, beginning: str) -> None:
    wait_until(lambda: any(told.startswith(beginning) for told in engine_events(root)), beginning)


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
    other_version = HostProcess(root, "e", site=OTHER_VERSION)
    no_codec = HostProcess(root, "d", site=NO_CODEC)
    in_store = HostProcess(root, "f", "--scratch", str(root / "out" / "scratch"))
    hosts += [other_wheel, other_bytes, no_codec, other_version, in_store]
    assert {other_wheel.process.wait(), other_bytes.process.wait(), other_version.process.wait()} == {2}
    assert f"the engine refuses e: photostat 0.0.9 is there, and {__version__} " in other_version.last_line
    assert in_store.process.wait() == 2
    assert "--scratch" in in_store.last_line and "this is the store, or inside it" in in_store.last_line
    line = other_wheel.last_line
    assert "the engine refuses b: pyvips-binary 0.1 is there, and " in line
    line = other_bytes.last_line
    assert "the engine refuses c: same versions, other bytes: photostat " in line
    hold = wait_until(lambda: hold_of(root, "d"), "the hold of a host that cannot convert")
    assert hold["detail"].startswith("nothing can be converted here: ") and "pyvips" in hold["detail"]
    wait_until(partial(no_codec.has_said, hold["detail"]), "what people there are told")
    wait_until_told(root, "c cannot join: same versions, other bytes")
    told = engine_events(root)
    assert sum("b cannot join: pyvips-binary 0.1 is there" in message for message in told) == 1
    assert sum("c cannot join: same versions, other bytes" in message for message in told) == 1
    assert not (root / "out" / "scratch").exists()
    mended = HostProcess(root, "c")
    hosts.append(mended)
    wait_for_hosts(root, "c", "d")
    photostat("resume", workspace=root)
    assert wait_for_end(root)["totals"]["done"] == 6


def test_a_source_that_is_cut_short_on_one_host_alone_holds_that_host_and_fails_no_image(
    workspace: MakeWorkspace, hosts: list[HostProcess], own_mounts: OwnMounts
) -> None:
    """Which is none of those that were compared, because it is the smallest and comes last."""
    root = workspace(images=10, settings=settings(free_port()), **LARGE)
    source, other = root / "source", root.parent / "other share"
    last = min(source.rglob("*.jp2"))
    make_jp2(last, width=80, height=60)
    shutil.copytree(source, other)
    cut = other / last.relative_to(source)
    cut.write_bytes(cut.read_bytes()[:-200])
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    hosts.append(HostProcess(root, "b", through=own_mounts(other, source)))
    hold = wait_until(lambda: hold_of(root, "b"), "the hold of the host")
    sizes = f"{last} has {cut.stat().st_size} bytes on this machine, and {last.stat().st_size} for the engine"
    assert (hold["reason"], hold["detail"]) == ("source", sizes)
    assert (
        status(root)["totals"] | {"done": 8, "pending": 1, "in_flight": 1, "failed": 0}
        == (status(root)["totals"])
    )
    resume_worker(busy)
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (10, 0)
    assert {row["attempts"] for row in list_rows(root)} == {1}


def test_a_host_that_sees_another_share_or_store_gets_no_image_until_it_sees_the_engines(
    workspace: MakeWorkspace, hosts: list[HostProcess], own_mounts: OwnMounts
) -> None:
    store = (
        '[store]\nurl = "file:~/out"\n'  # another directory for each machine, unless the engine says which
    )
    root = workspace(images=8, settings=settings(free_port()) + store, **LARGE)
    source, out, other = root / "source", root / "out", root.parent / "other share"
    shutil.copytree(source, other)
    for path in other.rglob("*.jp2"):
        flip_bits(path, -100)
    start_engine(root, "--workers", "1", env={"HOME": str(root)})
    busy = suspend_busy_worker(root)
    empty = HostProcess(root, "b", through=own_mounts("tmpfs", source))
    changed = HostProcess(root, "c", through=own_mounts(other, source), site=LATE)
    elsewhere = HostProcess(root, "d", through=own_mounts("tmpfs", out))
    hosts += [empty, changed, elsewhere]
    for host, reason, told in (
        (empty, "source", f" is not here: {source} is empty. Mount the same share under the same path"),
        (changed, "source", " has other bytes here than where the engine is: it is another share. Mount"),
        (
            elsewhere,
            "store",
            f"{out} is another directory here than where the engine is (it is empty). Mount",
        ),
    ):
        hold = wait_until(partial(hold_of, root, host.name), f"the hold of {host.name}")
        assert hold["reason"] == reason and told in hold["detail"], hold
        wait_until(
            partial(host.has_said, f"gets no images for now: {hold['detail']}"), "what people are told"
        )
        assert (
            f"{host.name} holds for {reason}: {hold['detail']}" in photostat("hosts", workspace=root).stdout
        )
    assert sum(" is empty. Mount" in told for told in engine_events(root, "hold")) == 1
    wait_until_told(root, "c: its clock is 59 min ")
    assert "c's clock is 59 min " in photostat("hosts", workspace=root).stdout
    own_mounts.unmount(changed, source)
    photostat("resume", workspace=root)  # it looks again by itself, too: but later and later
    wait_until(lambda: hold_of(root, "c") is None, "the end of its hold")
    wait_until(lambda: status(root)["totals"]["done"], "an image by the host")
    resume_worker(busy)
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"], end["hold"]) == (8, 0, None)
    assert len(stored_digests(root)) == 8
    with LedgerReader(Workspace(root)) as reader:
        by = {attempt.host for row in list_rows(root) for attempt in reader.attempts(row["id"])}
    assert by == {"", "c"}


def test_a_host_with_wrong_credentials_for_the_bucket_holds_alone_and_joins_again_with_the_right_ones(
    workspace: MakeWorkspace, hosts: list[HostProcess], seaweed: Seaweed, prefix: str
) -> None:
    store = f'[store]\nurl = "s3://{BUCKET}/{prefix}"\nendpoint = "{seaweed.endpoint}"\n'
    root = workspace(images=5, settings=settings(free_port()) + store, **LARGE)
    start_engine(root, "--workers", "1")
    busy = suspend_busy_worker(root)
    hosts.append(HostProcess(root, "b", site='import os\nos.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"\n'))
    hold = wait_until(partial(hold_of, root, "b"), "the hold")
    assert hold["reason"] == "store" and BUCKET in hold["detail"], hold
    wait_until(
        partial(hosts[0].has_said, f"gets no images for now: {hold['detail']}"), "what people are told"
    )
    assert status(root)["hold"] is None and status(root)["totals"]["in_flight"] == 1
    assert hosts[0].end() == 0
    hosts.append(HostProcess(root, "b"))
    wait_until(lambda: status(root)["totals"]["done"], "an image by the host")
    resume_worker(busy)
    end = wait_for_end(root)["totals"]
    assert (end["done"], end["failed"], len(seaweed.contents(prefix))) == (5, 0, 5)


LATE = """
import time
true_time = time.time
time.time = lambda: true_time() - 3590
"""
OTHER_WHEEL = """
import importlib.metadata as metadata
true_version = metadata.version
metadata.version = lambda name: "0.1" if name == "pyvips-binary" else true_version(name)
"""
OTHER_BYTES = """
import sys
if sys.argv[-1] == "photostat-examiner":
    from engine.conversion import specimens
    from msgspec import structs
    from engine.config import JpegSettings
    specimens.SPECIMENS = tuple(structs.replace(one, jpeg=JpegSettings(quality=50)) for one in specimens.SPECIMENS)
"""
OTHER_VERSION = """
import engine
engine.__version__ = "0.0.9"
"""
NO_CODEC = """
import sys
sys.modules["pyvips"] = None
"""
