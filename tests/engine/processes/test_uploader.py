"""The uploader: several transfers at once, an answer to each request, and nothing half done when it is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.config import StoreSettings
from engine.failures import Cause
from engine.messages import (
    FaultKind,
    KnownObject,
    KnownStore,
    NotStored,
    ProbeStore,
    Quit,
    Stored,
    StoreProbed,
    StoreRequest,
)
from engine.processes.child import Child
from engine.processes.uploader import uploader_main
from tests.support.s3_relay import Fault, Kind, Relay
from tests.support.seaweed import Seaweed, settings_for
from tests.support.staged_jpegs import make_request
from tests.support.waiting import LONGEST_WAIT_S, wait_until

StartUploader = Callable[..., Child]


@pytest.fixture
def start() -> Iterator[StartUploader]:
    """Starts real uploaders, and ends those that the test has left."""
    children: list[Child] = []

    def start(settings: StoreSettings, root: Path, known: KnownStore | None = None) -> Child:
        children.append(Child("uploader", uploader_main, settings, str(root), known or KnownStore()))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.close()


def known(images: int) -> KnownStore:
    return KnownStore(images=images, sample=(KnownObject("b/0/1.jpg", 20_000),))


def answers(child: Child, count: int) -> list[Any]:
    found: list[Any] = []

    def enough() -> bool:
        found.extend(child.messages())
        return len(found) >= count

    wait_until(enough, f"{count} answers of the uploader")
    return found


def digests(root: Path) -> dict[str, str]:
    """Every file below that is not a partial one."""
    return {
        str(path.relative_to(root)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in root.rglob("*.jpg")
        if path.is_file()
    }


def requests_in(root: Path, count: int, size_bytes: int = 20_000) -> list[StoreRequest]:
    return [
        make_request(root / "scratch", f"b/{number % 5}/{number}.jpg", size_bytes, number)
        for number in range(count)
    ]


def test_every_request_is_answered_and_quit_finishes_what_is_under_way(
    start: StartUploader, tmp_path: Path
) -> None:
    uploader, requests = start(StoreSettings(transfers=3), tmp_path), requests_in(tmp_path, 50)
    for request in requests:
        uploader.send(request)
    uploader.send(Quit())
    found = answers(uploader, 50)
    assert sorted(answer.image_id for answer in found) == list(range(50))
    assert all(isinstance(answer, Stored) and not answer.existed for answer in found)
    uploader.wait(LONGEST_WAIT_S)
    assert uploader.exit_code == 0
    assert digests(tmp_path / "out") == {request.target: request.md5 for request in requests}


def test_errors_are_answers(start: StartUploader, tmp_path: Path) -> None:
    uploader, (request,) = start(StoreSettings(), tmp_path), requests_in(tmp_path, 1)
    (tmp_path / "out" / "b" / "0").mkdir(parents=True)
    (tmp_path / "out" / request.target).write_bytes(b"theirs")
    uploader.send(request)
    (answer,) = answers(uploader, 1)
    assert isinstance(answer, NotStored)
    assert (answer.fault, answer.failure.cause) == (FaultKind.ITEM, Cause.STORE_MISMATCH)
    uploader.send(ProbeStore())
    assert answers(uploader, 1) == [StoreProbed()]


def test_a_probe_tells_what_is_wrong(start: StartUploader, tmp_path: Path) -> None:
    uploader = start(StoreSettings(url="file:nowhere/at/all"), tmp_path)
    uploader.send(ProbeStore())
    (answer,) = answers(uploader, 1)
    assert isinstance(answer, StoreProbed)
    assert answer.fault is FaultKind.CONFIGURATION
    assert answer.failure is not None
    assert "mounted" in answer.failure.message


def test_an_empty_directory_that_should_be_full_is_left_alone_until_the_ledger_expects_nothing_in_it(
    start: StartUploader, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    uploader, (request,) = start(StoreSettings(), tmp_path, known(12)), requests_in(tmp_path, 1)
    uploader.send(request)
    (refused,) = answers(uploader, 1)
    assert isinstance(refused, NotStored)
    assert "none of the 12 images that should be there" in refused.failure.message
    uploader.send(ProbeStore(known(11)))
    (probed,) = answers(uploader, 1)
    assert probed.failure is not None
    assert "none of the 11 images that should be there" in probed.failure.message
    uploader.send(ProbeStore())
    assert answers(uploader, 1) == [StoreProbed()]
    uploader.send(request)
    assert isinstance(answers(uploader, 1)[0], Stored)


def test_it_ends_when_its_engine_is_gone_and_ignores_ctrl_c(start: StartUploader, tmp_path: Path) -> None:
    uploader = start(StoreSettings(), tmp_path)
    uploader.send(ProbeStore())
    answers(uploader, 1)
    os.kill(uploader.pid, signal.SIGINT)
    uploader.send(ProbeStore())
    answers(uploader, 1)
    uploader.connection.close()
    uploader.wait(LONGEST_WAIT_S)
    assert uploader.exit_code == 0


@pytest.fixture(params=["linked", "copied"])
def scratch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory for scratch files: beside the store, or on another file system, from where files are copied."""
    if request.param == "linked":
        yield tmp_path
        return
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here: /dev/shm is none")
    with tempfile.TemporaryDirectory(dir=elsewhere) as directory:
        yield Path(directory)


def test_killed_in_the_middle_a_local_store_has_whole_files_only(
    start: StartUploader, tmp_path: Path, scratch: Path
) -> None:
    requests, out = requests_in(scratch, 40, 2_000_000), tmp_path / "out"
    expected = {request.target: request.md5 for request in requests}
    for killed_after in (1, 7, 20):
        uploader = start(StoreSettings(), tmp_path)
        for request in requests:
            uploader.send(request)
        wait_until(partial(_at_least, killed_after, out), "some files")
        uploader.kill()
        uploader.wait(LONGEST_WAIT_S)
        there = digests(out)
        assert there == {target: expected[target] for target in there}
    uploader = start(StoreSettings(), tmp_path)
    for request in requests:
        uploader.send(request)
    assert {type(answer) for answer in answers(uploader, 40)} == {Stored}
    assert digests(out) == expected
    assert [path.name for path in out.rglob(".photostat-*")] == []


def _at_least(count: int, out: Path) -> bool:
    return len(list(out.rglob("*.jpg"))) >= count


def test_killed_in_the_middle_of_an_upload_nothing_wrong_is_in_the_bucket(
    start: StartUploader, tmp_path: Path, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    settings = settings_for(relay.endpoint, prefix)
    request = make_request(tmp_path / "scratch", "b/u/large.jpg", 70 << 20)
    uploader = start(settings, tmp_path)
    relay.inject_always(Fault(Kind.THROTTLE, bytes_per_s=8e6), method="PUT")
    uploader.send(request)
    wait_until(lambda: seaweed.unfinished_uploads(prefix), "a transfer in parts to begin")
    wait_until(lambda: any("partNumber=2" in seen.path for seen in relay.seen), "the second part")
    uploader.kill()
    uploader.wait(LONGEST_WAIT_S)
    assert seaweed.contents(prefix) == {}
    assert seaweed.unfinished_uploads(prefix) == [prefix + request.target]
    relay.forward_all()
    again = start(settings, tmp_path)
    again.send(request)
    assert isinstance(answers(again, 1)[0], Stored)
    stored = {key: hashlib.md5(data).hexdigest() for key, data in seaweed.contents(prefix).items()}
    assert stored == {request.target: request.md5}
    assert seaweed.unfinished_uploads(prefix) == []


@pytest.mark.soak
def test_the_server_killed_in_the_middle_and_started_again(
    start: StartUploader, tmp_path: Path, own_seaweed: Seaweed, prefix: str
) -> None:
    requests = requests_in(tmp_path, 80)
    uploader = start(settings_for(own_seaweed.endpoint, prefix), tmp_path)
    waiting = {request.image_id: request for request in requests}
    for request in requests:
        uploader.send(request)
    for answer in answers(uploader, 10):
        waiting.pop(answer.image_id)
    own_seaweed.kill()
    uploader.send(ProbeStore())
    failed = wait_until(
        lambda: [m for m in uploader.messages() if _settle(m, waiting)], "transfers that fail"
    )
    assert all(m.fault is FaultKind.TRANSIENT for m in failed if isinstance(m, NotStored | StoreProbed))
    own_seaweed.start()
    wait_until(lambda: _all_done(uploader, waiting), "every image to be stored")
    stored = {key: hashlib.md5(data).hexdigest() for key, data in own_seaweed.contents(prefix).items()}
    assert stored == {request.target: request.md5 for request in requests}


def _settle(message: Any, waiting: dict[int, StoreRequest]) -> bool:
    """Take a success off the list; True for what did not succeed."""
    if isinstance(message, Stored):
        waiting.pop(message.image_id)
        return False
    return not (isinstance(message, StoreProbed) and message.fault is None)


def _all_done(uploader: Child, waiting: dict[int, StoreRequest]) -> bool:
    """As the supervisor does: what failed by a transient fault is sent again."""
    for message in uploader.messages():
        if _settle(message, waiting) and isinstance(message, NotStored):
            assert message.fault is FaultKind.TRANSIENT
            uploader.send(waiting[message.image_id])
    return not waiting


def test_an_uploader_is_small_and_a_local_one_does_not_load_boto(
    start: StartUploader, tmp_path: Path
) -> None:
    uploader = start(StoreSettings(), tmp_path)
    uploader.send(ProbeStore())
    answers(uploader, 1)
    assert psutil.Process(uploader.pid).memory_info().rss < 60 << 20
