"""Several machines put into one bucket: each image is there once, whoever is lost, and others' objects stay."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import psutil

from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    list_rows,
    start_engine,
    start_engine_without_share,
    status,
    stored_digests,
    wait_for_end,
)
from tests.support.host_processes import (
    HostProcess,
    free_port,
    settings,
    stop_in_the_middle,
    wait_for_hosts,
)
from tests.support.s3_relay import Relay, Request
from tests.support.seaweed import BUCKET, Seaweed
from tests.support.waiting import wait_until

IMAGES = 10


def test_a_host_that_is_lost_between_a_put_and_its_report_stores_nothing_twice_and_others_objects_stay(
    workspace: MakeWorkspace, hosts: list[HostProcess], seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    calm = workspace(images=IMAGES, name="calm")
    start_engine(calm)  # it runs beside what follows
    store = f'[store]\nurl = "s3://{BUCKET}/{prefix.rstrip("/")}"\nendpoint = "{relay.endpoint}"\n'
    root = workspace(images=IMAGES, name="cluster", settings=settings(free_port()) + store)
    others = list_rows(root)[-1]["target"]
    seaweed.client().put_object(Bucket=BUCKET, Key=prefix + others, Body=b"somebody else's")
    start_engine_without_share(root, "--workers", "1")
    hosts.append(HostProcess(root, "b"))
    wait_for_hosts(root, "b")
    busy = stop_in_the_middle(root, "here", "b")
    wait_until(lambda: status(root)["totals"]["in_flight"] == 2, "all but these two images to be stored")
    sees = psutil.Process(hosts[0].process.pid)
    put: list[str] = []

    def deafen(request: Request) -> None:
        if request.method == "PUT" and not put:
            sees.suspend()  # its uploader goes on, and tells nobody
            put.append(request.path)

    relay.choose_fault = deafen
    os.kill(busy["b"]["pid"], signal.SIGCONT)
    target = wait_until(
        lambda: next((one for one in seaweed.contents(prefix) if put and one in put[0]), None),
        "the object",
    )
    hosts[0].kill()
    wait_for_hosts(root)
    photostat("hosts", "forget", "b", "--yes", workspace=root)  # what is on its scratch is not waited for
    wait_until(
        lambda: next(row for row in list_rows(root) if row["target"] == target)["attempts"] == 0,
        "the image to be pending, with no attempt",
    )

    os.kill(busy["here"]["pid"], signal.SIGCONT)
    hosts.append(HostProcess(root, "c"))
    end = wait_for_end(root)
    assert (end["totals"]["done"], end["totals"]["failed"]) == (IMAGES - 1, 1)
    (failure,) = photostat("failures", "--json", workspace=root).json
    assert (failure["target"], failure["cause"], failure["attempts"]) == (others, "store-mismatch", 1)
    digests = {key: hashlib.sha256(data).hexdigest() for key, data in seaweed.contents(prefix).items()}
    assert digests.pop(others) == hashlib.sha256(b"somebody else's").hexdigest()
    wait_for_end(calm)
    expected = stored_digests(calm)
    del expected[others]
    assert digests == expected
    assert how_stored(root, target) == "was there already, identical"
    assert hosts[1].end() == 0 and hosts[1].scratch == []


def how_stored(root: Path, target: str) -> str:
    """The last words of the one event that tells of it."""
    image = next(row["id"] for row in list_rows(root) if row["target"] == target)
    with LedgerReader(Workspace(root)) as reader:
        told = [
            one.message for one in reader.events(limit=1000) if (one.kind, one.image_id) == ("stored", image)
        ]
    (message,) = told
    return message.partition(", ")[2]
