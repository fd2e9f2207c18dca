"""Delivered JPEGs are replaced because a person says so; killed at any moment, the store has the old or the new one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.jpeg.inspect import read_jpeg
from engine.jpeg.quality import standard_tables
from engine.ledger.models import ImageRow
from engine.ledger.reader import LedgerReader
from engine.store.partial_names import is_partial
from engine.workspace import Workspace
from tests.conftest import LARGE, MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import (
    kill_engine,
    list_rows,
    scratch_contents,
    start_engine,
    suspend_busy_worker,
)
from tests.support.s3_relay import Fault, Kind, Relay
from tests.support.seaweed import BUCKET, Seaweed
from tests.support.waiting import wait_until


def test_what_is_not_fine_is_replaced_through_kills_and_never_anything_else(workspace: MakeWorkspace) -> None:
    root = workspace(images=4, **LARGE)
    photostat("run", "--headless", workspace=root)
    old = stored_md5s(root)
    photostat("review", "plates", "--not-fine", "1,2,3", "--why", "coarse", workspace=root)
    requeue = ("requeue", "--verdict", "not-fine", "--quality", "60")
    asked = photostat(*requeue, workspace=root, expect=2).stderr
    assert "3 delivered JPEGs in file:out will be replaced with quality 60: say so with --yes" in asked
    assert stored_md5s(root) == old and {row["state"] for row in list_rows(root)} == {"done"}
    assert photostat(*requeue, "--yes", "--json", workspace=root).json == {"requeued": 3, "changed": []}
    (root / "out" / list_rows(root)[2]["target"]).write_bytes(b"somebody else's")
    pid = start_engine(root, "--workers", "1")
    worker = suspend_busy_worker(root)
    busy = int(worker["image_id"])
    assert stored_md5s(root)[list_rows(root)[busy - 1]["target"]] == (
        hashlib.md5(b"somebody else's").hexdigest() if busy == 3 else old[list_rows(root)[busy - 1]["target"]]
    ), "until the new one is there the old one stays"
    kill_engine(pid)
    after = {*stored_md5s(root)}
    assert {target for target in after if not is_partial(Path(target).name)} == {*old}, (
        "nothing is gone, and nothing half written has the name of a JPEG"
    )
    if busy != 3:
        reconciled = photostat("reconcile", workspace=root, expect=1).stdout
        assert "waiting to be replaced: the old one stays until then" in reconciled
    photostat("run", "--headless", workspace=root, expect=1)
    rows = list_rows(root)
    new = stored_md5s(root)
    assert [(row["state"], row["cause"]) for row in rows] == [
        ("done", None),
        ("done", None),
        ("failed", "store-mismatch"),
        ("done", None),
    ]
    assert new[rows[2]["target"]] == hashlib.md5(b"somebody else's").hexdigest()
    assert new[rows[3]["target"]] == old[rows[3]["target"]], "what was fine is as it was"
    for row in rows[:2]:
        target = row["target"]
        assert new[target] == row["md5"] != old[target]
        assert read_jpeg(root / "out" / target).tables[0] == standard_tables(60)[0]
        with LedgerReader(Workspace(root)) as reader:
            (history,) = reader.replacements(row["id"])
        assert (history.md5, history.new_md5) == (old[target], new[target])
    assert photostat("list", "--verdict", "not-fine", "--json", workspace=root).json == [], "of other JPEGs"
    assert not list((root / "out").rglob(".*")), "nothing unfinished is left"


def test_a_kill_at_any_moment_of_replacing_leaves_old_or_new_and_a_ledger_that_agrees(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=6)
    photostat("run", "--headless", workspace=root)
    old = stored_md5s(root)
    photostat("requeue", *"123456", "--replace", "--quality", "55", "--yes", workspace=root)
    for replaced_before in (1, 3):
        pid = start_engine(root, "--workers", "1")
        wait_until(lambda n=replaced_before: _replaced(root, old) >= n, "some to be replaced")  # type: ignore[misc]
        kill_engine(pid)
        now = {target: md5 for target, md5 in stored_md5s(root).items() if not is_partial(Path(target).name)}
        assert {*now} == {*old}
        for row in list_rows(root):
            if row["state"] == "done":
                assert now[row["target"]] == row["md5"]
            elif row["replaces"] is not None:
                with LedgerReader(Workspace(root)) as reader:
                    waiting = reader.waiting_object(row["id"])
                assert waiting is not None and now[row["target"]] in waiting.may_be_there
    photostat("run", "--headless", workspace=root)
    new = stored_md5s(root)
    assert {row["target"]: row["md5"] for row in list_rows(root)} == new
    assert all(new[target] != digest for target, digest in old.items())
    assert photostat("reconcile", workspace=root).code == 0


def test_a_review_of_a_bucket_and_its_jpegs_replaced_though_the_engine_is_killed(
    workspace: MakeWorkspace, seaweed: Seaweed, relay: Relay, prefix: str
) -> None:
    url = f"s3://{BUCKET}/{prefix.rstrip('/')}"
    root = workspace(images=3, settings=f'[store]\nurl = "{url}"\nendpoint = "{relay.endpoint}"\n')
    photostat("run", "--headless", workspace=root)
    old, rows = seaweed.contents(prefix), images_of(root)
    page = photostat("review", "plates", "--json", workspace=root).json
    assert [one["id"] for one in page["images"]] == [1, 2, 3] and page["findings"] == []
    photostat("requeue", "1", "3", "--replace", "--quality", "60", "--yes", workspace=root)
    theirs = prefix + rows[0].target
    seaweed.client().put_object(Bucket=BUCKET, Key=theirs, Body=b"somebody else's")
    relay.inject_always(Fault(Kind.STALL, seconds=600), "PUT")
    pid = start_engine(root)
    wait_until(lambda: relay.injected, "the new one to be on its way")
    kill_engine(pid)
    assert seaweed.contents(prefix) == {**old, rows[0].target: b"somebody else's"}, "the old ones stay"
    relay.forward_all()
    photostat("run", "--headless", workspace=root, expect=1)
    now, (first, second, third) = seaweed.contents(prefix), images_of(root)
    assert (first.state, first.cause) == ("failed", "store-mismatch")
    assert (now[first.target], now[second.target]) == (b"somebody else's", old[second.target])
    assert hashlib.md5(now[third.target]).hexdigest() == third.md5 != rows[2].md5
    assert seaweed.unfinished_uploads(prefix) == [] and scratch_contents(root) == []


def images_of(root: Path) -> list[ImageRow]:
    with LedgerReader(Workspace(root)) as reader:
        return reader.images()


def stored_md5s(root: Path) -> dict[str, str]:
    """Of every file in the store, by its target."""
    out = root / "out"
    files = [path for path in out.rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def _replaced(root: Path, old: dict[str, str]) -> int:
    return sum(old.get(target) != digest for target, digest in stored_md5s(root).items())
