"""No store that is wrong costs an image: the run holds and says why, and goes on when the store is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control.client import EngineClient
from engine.control.requests import Resume
from engine.workspace import Workspace
from tests.conftest import end_engine
from tests.support.command_line import photostat
from tests.support.engine_runs import list_rows, start_engine, status, wait_for_end
from tests.support.many_rows import ALL_ROWS, ManyRows, make_many_rows
from tests.support.s3_relay import Relay
from tests.support.seaweed import BUCKET, Seaweed, free_ports
from tests.support.waiting import wait_until
from tests.support.wrong_stores import WRONG_STORES, WrongStore, poor_store

FEW = 1500
MOST_FAILED = 4
"""A handful: fewer than five."""


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> ManyRows:
    return make_many_rows(tmp_path_factory.mktemp("few") / "workspace", FEW)


@pytest.fixture(scope="session")
def all_rows(tmp_path_factory: pytest.TempPathFactory) -> ManyRows:
    return make_many_rows(tmp_path_factory.mktemp("all") / "workspace", ALL_ROWS)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where a run may be; an engine that is left is ended."""
    yield tmp_path / "workspace"
    end_engine(tmp_path / "workspace")


def settings(endpoint: str, prefix: str, bucket: str = BUCKET) -> str:
    return f'[store]\nurl = "s3://{bucket}/{prefix}"\nendpoint = "{endpoint}"\n'


def hold_of(root: Path, words: str) -> dict[str, Any]:
    """Waits for a hold that says this, and for the end of the transfers that were under way."""

    def held() -> dict[str, Any] | None:
        document = status(root)
        assert document["totals"]["failed"] <= MOST_FAILED
        hold = document["hold"]
        return (
            document if hold and words in hold["detail"] and not document["store"]["transferring"] else None
        )

    document = wait_until(held, lambda: f"a hold with {words!r}: {status(root)['hold']}")
    assert document["state"] == "holding"
    return document


def resume(root: Path) -> None:
    """A person says that it is well again."""
    with EngineClient.connect(Workspace(root)) as engine:
        engine.ask(Resume())


def has_stored_more(root: Path, than: int) -> bool:
    document = status(root)
    return document["hold"] is None and document["totals"]["done"] > than


@pytest.mark.parametrize("part", range(3))
def test_a_run_meets_one_wrong_store_after_another_and_loses_no_image(
    few_rows: ManyRows, seaweed: Seaweed, relay: Relay, prefix: str, root: Path, part: int
) -> None:
    few_rows.copy_to(root, settings(relay.endpoint, prefix))
    start_engine(root, "--workers", "1")
    for wrong in WRONG_STORES[part::3]:
        done = status(root)["totals"]["done"]
        wait_until(lambda: has_stored_more(root, done), f"images before {wrong.name}")  # noqa: B023
        relay.choose_fault = wrong.choose_fault
        document = hold_of(root, wrong.words)
        relay.forward_all()
        resume(root)
        done = document["totals"]["done"]
        wait_until(lambda: has_stored_more(root, done), f"images after {wrong.name}")  # noqa: B023
    assert status(root)["totals"]["failed"] == 0


def test_a_store_that_lacks_what_can_be_done_without_takes_every_image(
    seaweed: Seaweed, relay: Relay, prefix: str, root: Path, tmp_path: Path
) -> None:
    make_many_rows(tmp_path / "rows", 40).copy_to(root, settings(relay.endpoint, prefix))
    relay.choose_fault = poor_store
    start_engine(root)
    totals = wait_for_end(root)["totals"]
    assert (totals["done"], totals["failed"]) == (40, 0)
    assert len(seaweed.contents(prefix)) == 40
    photostat("reconcile", workspace=root)


def test_a_certificate_that_is_not_trusted_holds(
    few_rows: ManyRows, https_seaweed: Seaweed, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    few_rows.copy_to(root, settings(https_seaweed.endpoint, "p/"))
    start_engine(root)
    assert "certificates" in hold_of(root, "CERTIFICATE_VERIFY_FAILED")["hold"]["detail"]


@pytest.mark.usefixtures("s3_credentials")
def test_a_place_at_which_nobody_listens_holds(few_rows: ManyRows, root: Path) -> None:
    few_rows.copy_to(root, settings(f"http://127.0.0.1:{free_ports(1)[0]}", "p/"))
    start_engine(root)
    hold_of(root, "Nothing has answered there yet")


def test_a_bucket_that_is_not_there_or_is_anothers_holds(
    seaweed: Seaweed, prefix: str, root: Path, tmp_path: Path
) -> None:
    make_many_rows(tmp_path / "rows", 40).copy_to(root, settings(seaweed.endpoint, prefix, bucket="another"))
    start_engine(root)
    hold_of(root, "NoSuchBucket")
    photostat("stop", workspace=root)
    wait_for_end(root)
    client = seaweed.client()
    for row in list_rows(root):
        client.put_object(Bucket=BUCKET, Key=prefix + row["target"], Body=b"another collection's")
    (root / "photostat.toml").write_text(settings(seaweed.endpoint, prefix), encoding="utf-8")
    start_engine(root)
    hold_of(root, "Is this the right store?")


@pytest.mark.usefixtures("s3_credentials")
def test_an_endpoint_with_a_path_is_refused_before_anything_runs(few_rows: ManyRows, root: Path) -> None:
    few_rows.copy_to(root, settings("http://127.0.0.1:1/s3/", "p/"))
    refused = photostat("run", "--detach", workspace=root, expect=2).stderr
    assert "path" in refused and refused.count("\n") == 1


@pytest.mark.soak
@pytest.mark.parametrize("wrong", WRONG_STORES, ids=lambda wrong: wrong.name)
def test_all_rows_against_a_wrong_store(
    all_rows: ManyRows, seaweed: Seaweed, relay: Relay, prefix: str, root: Path, wrong: WrongStore
) -> None:
    """The store is wrong from the start, and stays so for some probes: what has failed stays a handful."""
    all_rows.copy_to(root, settings(relay.endpoint, prefix))
    relay.choose_fault = wrong.choose_fault
    start_engine(root)
    first = hold_of(root, wrong.words)["hold"]
    asked = len(relay.seen)
    wait_until(lambda: len(relay.seen) > asked + 1, "another probe")
    document = hold_of(root, wrong.words)
    assert document["hold"]["since"] == pytest.approx(first["since"], abs=1)
    assert document["totals"]["rows"] == ALL_ROWS
    assert document["totals"]["failed"] <= MOST_FAILED and document["totals"]["done"] == 0


@pytest.mark.soak
def test_all_rows_into_a_store_that_lacks_what_can_be_done_without(
    all_rows: ManyRows, seaweed: Seaweed, relay: Relay, prefix: str, root: Path
) -> None:
    all_rows.copy_to(root, settings(relay.endpoint, prefix))
    relay.choose_fault = poor_store
    start_engine(root)
    wait_until(lambda: has_stored_more(root, 1000), "a thousand images")
    assert status(root)["totals"]["failed"] == 0
