"""Whole runs into a bucket: every row is accounted for, no object is lost or doubled, faults of the store are holds."""

from __future__ import annotations

import hashlib
import random
import shutil
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.control.client import EngineClient
from engine.ledger.models import Attempt
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    scratch_contents,
    start_engine,
    status,
    wait_for_end,
)
from tests.support.s3_relay import SLOW_DOWN, Fault, Kind, Relay
from tests.support.seaweed import BUCKET, SECRET_KEY, Seaweed
from tests.support.waiting import wait_until

SOAK_S = 1800
"""The longest wait for a run that takes many minutes."""

ANY_FAULT = [
    Fault(Kind.REPLY, 500, "InternalError"),
    Fault(Kind.REPLY, 503, "ServiceUnavailable"),
    SLOW_DOWN,
    Fault(Kind.RESET),
    Fault(Kind.CUT),
    Fault(Kind.LOSE_REPLY),
    Fault(Kind.DELAY, seconds=0.3),
    Fault(Kind.CORRUPT),
    Fault(Kind.FORGE_ETAG),
]


def settings(endpoint: str, prefix: str, more: str = "") -> str:
    url = f"s3://{BUCKET}/{prefix.rstrip('/')}"
    return f'{more}\n[store]\nurl = "{url}"\nendpoint = "{endpoint}"\n'


def assert_all_accounted(root: Path, seaweed: Seaweed, prefix: str, done: int) -> None:
    """Every row is done, the bucket has exactly their JPEGs, and nothing is on scratch or half uploaded."""
    rows = list_rows(root)
    assert [row["state"] for row in rows] == ["done"] * done
    stored = {key: hashlib.md5(data).hexdigest() for key, data in seaweed.contents(prefix).items()}
    assert stored == {row["target"]: row["md5"] for row in rows}
    assert seaweed.unfinished_uploads(prefix) == []
    assert scratch_contents(root) == []


def wait_for_hold(root: Path, reason: str) -> dict[str, Any]:
    """Waits until the engine holds for that reason; returns the hold."""

    def holding() -> dict[str, Any]:
        hold = status(root)["hold"]
        return hold if hold and hold["reason"] == reason else {}

    return wait_until(holding, f"the engine to hold for the {reason}")


def after_a_probe(root: Path, hold: dict[str, Any]) -> dict[str, Any]:
    """Waits until the store has been probed without success since `hold`; returns the hold as it is then."""

    def again() -> dict[str, Any]:
        now: dict[str, Any] = status(root)["hold"]
        waits_for_no_probe = now["until"] < time.time() + 60
        return now if waits_for_no_probe and now["until"] > hold["until"] + 0.5 else {}

    return wait_until(again, "a probe in vain")


def test_a_whole_run_into_a_bucket(workspace: MakeWorkspace, seaweed: Seaweed, prefix: str) -> None:
    root = workspace(images=12, settings=settings(seaweed.endpoint, prefix))
    assert photostat("check", "--json", workspace=root).json["store"] is None
    photostat("run", "--headless", workspace=root)
    assert_all_accounted(root, seaweed, prefix, 12)
    row = list_rows(root)[0]
    head = seaweed.client().head_object(Bucket=BUCKET, Key=prefix + row["target"])
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"]["photostat-record"] == row["record"]
    assert head["Metadata"]["photostat-uuid"] == row["uuid"]
    assert head["Metadata"]["photostat-source"].startswith("md5:")
    photostat("reconcile", workspace=root)


def test_no_secret_is_written_down(workspace: MakeWorkspace, seaweed: Seaweed, prefix: str) -> None:
    root = workspace(images=3, settings=settings(seaweed.endpoint, prefix))
    photostat("run", "--headless", workspace=root)
    for path in root.rglob("*"):
        if path.is_file():
            assert SECRET_KEY.encode() not in path.read_bytes(), path


def test_others_objects_stay_and_identical_ones_are_done(
    workspace: MakeWorkspace, seaweed: Seaweed, prefix: str
) -> None:
    first = workspace(images=5, settings=settings(seaweed.endpoint, prefix), name="first")
    photostat("run", "--headless", workspace=first)
    target = list_rows(first)[2]["target"]
    seaweed.client().put_object(Bucket=BUCKET, Key=prefix + target, Body=b"somebody else's")
    again = workspace(images=5, settings=settings(seaweed.endpoint, prefix), name="again")
    photostat("run", "--headless", workspace=again, expect=1)
    (failure,) = photostat("failures", "--json", workspace=again).json
    assert (failure["target"], failure["cause"]) == (target, "store-mismatch")
    assert status(again)["totals"]["done"] == 4
    assert seaweed.contents(prefix)[target] == b"somebody else's"
    assert scratch_contents(again) == []


def test_wrong_credentials_hold_at_once_and_no_row_is_touched(
    workspace: MakeWorkspace, seaweed: Seaweed, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace(images=4, settings=settings(seaweed.endpoint, prefix))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-right-secret-at-all")
    checked = photostat("check", "--json", workspace=root, expect=1)
    assert checked.json["store"]["cause"] == "store-denied"
    start_engine(root)
    hold = wait_for_hold(root, "store")
    assert "Correct the AWS credentials" in hold["detail"]
    assert "Correct the AWS credentials" in after_a_probe(root, hold)["detail"]
    assert "not-the-right-secret" not in str(status(root))
    photostat("stop", workspace=root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (0, 0)
    assert seaweed.contents(prefix) == {}
    for path in root.rglob("*"):
        if path.is_file():
            assert b"not-the-right-secret" not in path.read_bytes(), path


def test_an_endpoint_where_nothing_answers_holds_at_the_first_transfer_and_is_named(
    workspace: MakeWorkspace, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # bound, and listening for nobody
        taken.bind(("127.0.0.1", 0))
        root = workspace(images=1, settings=settings(f"http://127.0.0.1:{taken.getsockname()[1]}", prefix))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anybody's secret")
        checked = photostat("check", "--json", workspace=root, expect=1).json["store"]
        assert "endpoint" in checked["remedy"]
        assert "requeue" not in checked["remedy"]
        start_engine(root)
        hold = wait_for_hold(root, "store")
        assert "endpoint under [store]" in hold["detail"]
        assert "endpoint under [store]" in after_a_probe(root, hold)["detail"]
        photostat("stop", workspace=root)
        assert wait_for_end(root)["totals"]["failed"] == 0
    log = next((root / "logs").glob("run-*.log")).read_text(encoding="utf-8")
    assert "endpoint under [store]" in next(line for line in log.splitlines() if "hold: " in line)


def test_http_to_an_https_port_holds_and_names_the_endpoint(
    workspace: MakeWorkspace, https_seaweed: Seaweed, prefix: str
) -> None:
    endpoint = https_seaweed.endpoint.replace("https://", "http://")
    root = workspace(images=1, settings=settings(endpoint, prefix))
    assert "endpoint" in photostat("check", "--json", workspace=root, expect=1).json["store"]["remedy"]
    start_engine(root)
    assert "endpoint under [store]" in wait_for_hold(root, "store")["detail"]
    photostat("stop", workspace=root)
    assert wait_for_end(root)["totals"]["failed"] == 0


def test_a_store_that_is_down_holds_the_engine_which_continues_by_itself(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    root = workspace(images=12, settings=settings(relay.endpoint, prefix))
    relay.refuse()
    start_engine(root)
    wait_for_hold(root, "store")
    wait_until(lambda: status(root)["store"]["waiting"] == 12, "every image to be converted meanwhile")
    assert status(root)["totals"]["failed"] == 0
    relay.listen()
    assert wait_for_end(root)["state"] == "finished"
    assert_all_accounted(root, seaweed, prefix, 12)


def test_a_full_scratch_holds_conversion_until_the_store_is_back(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    limit = "[engine]\nscratch_limit = 100000\n"
    root = workspace(images=20, width=400, height=300, settings=settings(relay.endpoint, prefix, limit))
    relay.refuse()
    start_engine(root, "--workers", "1")
    wait_until(lambda: status(root)["store"]["waiting_bytes"] >= 100_000, "scratch to fill")
    wait_until(
        lambda: all(worker["image_id"] is None for worker in status(root)["workers"]), "workers at rest"
    )
    before = status(root)
    assert before["totals"]["pending"] > 0
    assert before["store"]["waiting_bytes"] < 200_000
    relay.listen()
    assert wait_for_end(root)["state"] == "finished"
    assert_all_accounted(root, seaweed, prefix, 20)


def test_a_restart_uses_what_is_on_scratch(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    root = workspace(images=6, settings=settings(relay.endpoint, prefix))
    relay.refuse()
    pid = start_engine(root)
    wait_until(lambda: status(root)["store"]["waiting"] == 6, "every image on scratch")
    kill_engine(pid)
    waiting = {path.name: path.stat().st_ino for path in (root / "scratch").rglob("*.jpg")}
    assert len(waiting) == 6
    damaged = next((root / "scratch").rglob("*.jpg"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    relay.listen()
    photostat("run", "--headless", workspace=root)
    assert_all_accounted(root, seaweed, prefix, 6)
    assert sorted(len(_attempts(root, row["id"])) for row in list_rows(root)) == [1, 1, 1, 1, 1, 2]


def _attempts(root: Path, image_id: int) -> list[Attempt]:
    with LedgerReader(Workspace(root)) as reader:
        return list(reader.attempts(image_id))


@pytest.mark.soak
def test_an_engine_killed_again_and_again_stores_each_image_once(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    root = workspace(images=30, settings=settings(relay.endpoint, prefix))
    luck = random.Random(5)
    relay.choose_fault = lambda asked: Fault(Kind.DELAY, seconds=luck.uniform(0, 0.3))
    for _ in range(5):
        pid = start_engine(root)
        time.sleep(luck.uniform(0.3, 1.5))  # the moment is the point: any will do
        kill_engine(pid)
    photostat("run", "--headless", workspace=root)
    assert_all_accounted(root, seaweed, prefix, 30)


def test_the_server_killed_in_the_middle(
    workspace: MakeWorkspace, own_seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    root = workspace(images=40, settings=settings(relay.endpoint, prefix))
    relay.port = own_seaweed.port
    relay.inject_always(
        Fault(Kind.DELAY, seconds=0.5), method="PUT"
    )  # slow enough to be caught in the middle
    start_engine(root)
    wait_until(lambda: status(root)["totals"]["done"] >= 3, "the first images")
    own_seaweed.kill()
    wait_for_hold(root, "store")
    own_seaweed.start()
    relay.forward_all()
    assert wait_for_end(root)["state"] == "finished"
    assert_all_accounted(root, own_seaweed, prefix, 40)


def test_faults_throughout(workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str) -> None:
    root = workspace(images=40, settings=settings(relay.endpoint, prefix))
    luck = random.Random(7)
    relay.choose_fault = lambda asked: luck.choice(ANY_FAULT) if luck.random() < 0.15 else None
    photostat("run", "--headless", workspace=root)
    assert len(relay.injected) > 10
    assert_all_accounted(root, seaweed, prefix, 40)


@pytest.mark.soak
def test_an_image_whose_transfers_never_succeed_fails_and_the_run_ends(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    """Every put of one object breaks while the store is well: the run ends without it."""
    root = workspace(images=60, settings=settings(relay.endpoint, prefix))
    doomed = list_rows(root)[0]["target"]
    relay.choose_fault = lambda asked: (
        Fault(Kind.RESET) if asked.method == "PUT" and doomed in asked.path else None
    )
    start_engine(root)
    totals = wait_for_end(root, longest_s=SOAK_S)["totals"]
    assert (totals["done"], totals["failed"]) == (59, 1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert (failure["target"], failure["cause"]) == (doomed, "store-unavailable")
    assert scratch_contents(root) == []
    relay.forward_all()
    photostat("requeue", "--all", workspace=root)
    photostat("run", "--headless", workspace=root)
    assert_all_accounted(root, seaweed, prefix, 60)


@pytest.mark.soak
def test_two_thousand_images_with_random_faults_and_kills(
    workspace: MakeWorkspace, own_seaweed: Seaweed, prefix: str, relay: Relay
) -> None:
    relay.port = own_seaweed.port
    root = workspace(images=2000, settings=settings(relay.endpoint, prefix))
    luck = random.Random(2000)
    relay.choose_fault = lambda asked: luck.choice(ANY_FAULT) if luck.random() < 0.1 else None
    pid = start_engine(root)
    for done in (200, 500, 900):
        wait_until(partial(_has_done, root, done), f"{done} images", SOAK_S)
        kill_engine(pid)
        pid = start_engine(root)
        own_seaweed.kill()
        wait_for_hold(root, "store")
        own_seaweed.start()
    assert wait_for_end(root, longest_s=SOAK_S)["state"] == "finished"
    assert_all_accounted(root, own_seaweed, prefix, 2000)
    shutil.rmtree(root / "source")


def _has_done(root: Path, count: int) -> bool:
    return int(status(root)["totals"]["done"]) >= count


@pytest.mark.soak
def test_two_hundred_milliseconds_of_latency_keep_no_core_waiting(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    """The one worker converts at least 95 % of the time, though every request takes 0.2 s."""
    root = workspace(images=40, width=2400, height=1800, settings=settings(relay.endpoint, prefix))
    relay.inject_always(Fault(Kind.DELAY, seconds=0.2))
    start_engine(root, "--workers", "1")
    samples: list[bool] = []
    with EngineClient.connect(Workspace(root)) as engine:

        def enough_seen() -> bool:
            snapshot = engine.snapshot()
            if snapshot.totals.done >= 1:
                samples.append(snapshot.workers[0].image_id is not None)
            return snapshot.totals.pending == 0

        wait_until(enough_seen, "the last image to start", SOAK_S)
    busy = sum(samples) / len(samples)
    assert busy >= 0.95, f"the worker was busy {busy:.0%} of the time"
    assert wait_for_end(root)["state"] == "finished"
    assert_all_accounted(root, seaweed, prefix, 40)
