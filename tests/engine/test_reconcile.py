"""The ledger against the store: missing, extra and different are reported; images on their way are not."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from engine.failures import Cause, Failure, Stage
from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.states import ImageState
from engine.ledger.writer import Ledger
from engine.messages import Converted, DecodeMode, StoreRequest, Surveyed
from engine.reconcile import Counts, Difference, DifferenceKind, Reconciliation, image_by_target
from engine.store.base import Store, StoredObject
from engine.store.errors import classify_os_error
from engine.store.local import LocalStore
from engine.store.s3 import S3Store
from engine.store.s3_client import S3Limits
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.ledgers import make_ledger
from tests.support.seaweed import BUCKET, Seaweed, settings_for
from tests.support.wrong_server import Reply, WrongServer

ROWS = 40
Remove = Callable[[str], None]


def jpeg_of(image_id: int) -> bytes:
    return f"the JPEG of image {image_id}".encode() * image_id


def finish(ledger: Ledger, image_id: int) -> None:
    """pending → done, with the size and MD5 of `jpeg_of`."""
    data = jpeg_of(image_id)
    ledger.surveyed([Surveyed(image_id, 1000, 10, 10, 3, 8, 10, 10, 5, "srgb")])
    ledger.start(image_id, 1, 1, DecodeMode.WHOLE)
    digest = hashlib.md5(data).hexdigest()
    facts = Converted(image_id, "x", 10, 10, 1000, "", len(data), digest, 40.0, (), 1, 0.1, 0.1)
    ledger.converted(facts)
    ledger.done(image_id)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """40 images of one batch: 1 to 30 done, 31 in flight, the others pending."""
    workspace = make_ledger(tmp_path / "workspace", ROWS)
    with Ledger.open(workspace, "test") as ledger, ledger.transaction():
        for image_id in range(1, 31):
            finish(ledger, image_id)
        ledger.surveyed([Surveyed(31, 1000, 10, 10, 3, 8, 10, 10, 5, "srgb")])
        ledger.start(31, 1, 1, DecodeMode.WHOLE)
    return workspace


def fill(store: Store, workspace: Workspace, scratch: Path) -> dict[int, str]:
    """Put the JPEGs of images 1 to 31; all targets by id."""
    with LedgerReader(workspace) as reader:
        targets = {row.id: row.target for row in reader.iterate()}
    for image_id in range(1, 32):
        data = jpeg_of(image_id)
        scratch.write_bytes(data)
        digest = hashlib.md5(data).hexdigest()
        store.put(StoreRequest(image_id, str(scratch), targets[image_id], len(data), digest, "", "", ""))
        scratch.unlink()
    return targets


def compare(
    workspace: Workspace, store: Store, batch: str | None = None
) -> tuple[dict[str, Difference], Counts]:
    with LedgerReader(workspace) as reader:
        comparison = Reconciliation(reader, store, batch)
        found = list(comparison.differences())
    assert len({difference.target for difference in found}) == len(found)
    return {difference.target: difference for difference in found}, comparison.counts


@pytest.fixture(params=["local", "s3"])
def store_and_tools(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[Store, Callable[[str, bytes], None], Remove]:
    """A store, and how to write and remove an object behind its back."""
    if request.param == "local":
        root = tmp_path / "out"

        def write(key: str, data: bytes) -> None:
            (root / key).parent.mkdir(parents=True, exist_ok=True)
            (root / key).write_bytes(data)

        return LocalStore(root), write, lambda key: (root / key).unlink()
    seaweed: Seaweed = request.getfixturevalue("seaweed")
    prefix: str = request.getfixturevalue("prefix")
    client = seaweed.client()

    def put(key: str, data: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=prefix + key, Body=data)

    def remove(key: str) -> None:
        client.delete_object(Bucket=BUCKET, Key=prefix + key)

    return S3Store(settings_for(seaweed.endpoint, prefix), S3Limits()), put, remove


def test_a_store_as_the_ledger_has_it_is_clean(
    workspace: Workspace, store_and_tools: tuple[Store, Callable[[str, bytes], None], Remove], tmp_path: Path
) -> None:
    store, _, _ = store_and_tools
    fill(store, workspace, tmp_path / "x")
    differences, counts = compare(workspace, store)
    assert differences == {}
    assert (counts.expected, counts.objects, counts.matching, counts.is_clean) == (30, 31, 31, True)
    assert counts.object_bytes == sum(len(jpeg_of(n)) for n in range(1, 32))


def test_missing_extra_and_different_objects_are_reported(
    workspace: Workspace, store_and_tools: tuple[Store, Callable[[str, bytes], None], Remove], tmp_path: Path
) -> None:
    store, write, remove = store_and_tools
    targets = fill(store, workspace, tmp_path / "x")
    remove(targets[3])
    remove(targets[17])
    write(targets[5], b"another size")
    write(targets[40], b"nobody converted this")
    write("newspapers/somebody else's.txt", b"hello")
    differences, counts = compare(workspace, store)
    assert {target: found.kind for target, found in differences.items()} == {
        targets[3]: DifferenceKind.MISSING,
        targets[17]: DifferenceKind.MISSING,
        targets[5]: DifferenceKind.DIFFERENT,
        targets[40]: DifferenceKind.EXTRA,
        "newspapers/somebody else's.txt": DifferenceKind.EXTRA,
    }
    assert (differences[targets[3]].image_id, differences[targets[40]].state) == (3, "pending")
    assert (counts.missing, counts.extra, counts.different, counts.is_clean) == (2, 2, 1, False)


def test_a_digest_that_differs_is_reported_if_the_listing_has_it(
    workspace: Workspace, seaweed: Seaweed, prefix: str, tmp_path: Path
) -> None:
    store = S3Store(settings_for(seaweed.endpoint, prefix), S3Limits())
    targets = fill(store, workspace, tmp_path / "x")
    changed = b"X" + jpeg_of(9)[1:]
    seaweed.client().put_object(Bucket=BUCKET, Key=prefix + targets[9], Body=changed)
    differences, _ = compare(workspace, store)
    assert [difference.kind for difference in differences.values()] == [DifferenceKind.DIFFERENT]
    assert hashlib.md5(changed).hexdigest() in differences[targets[9]].message


class EncryptedStore(LocalStore):
    """A store whose ETags are 32 hexadecimal digits and no digests, as with keys of a KMS."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read_back = 0

    def list(self, prefix: str = ""):  # type: ignore[no-untyped-def]
        for found in super().list(prefix):
            yield structs.replace(found, md5="0" * 32)

    def digest(self, key: str) -> str | None:
        self.read_back += 1
        return super().digest(key)


def test_etags_that_are_no_digests_are_recognised_by_reading_a_few_objects(
    workspace: Workspace, tmp_path: Path
) -> None:
    store = EncryptedStore(tmp_path / "out")
    fill(store, workspace, tmp_path / "x")
    differences, _ = compare(workspace, store)
    assert differences == {}
    assert store.read_back == 3


def test_one_batch_is_compared_alone(workspace: Workspace, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "out")
    fill(store, workspace, tmp_path / "x")
    (tmp_path / "out" / "newspapers-2").mkdir()
    (tmp_path / "out" / "newspapers-2" / "1.jpg").touch()
    assert compare(workspace, store, "newspapers")[0] == {}
    assert Counter(d.kind for d in compare(workspace, store)[0].values()) == {DifferenceKind.EXTRA: 1}


def test_of_colliding_rows_the_one_that_is_done_counts(workspace: Workspace) -> None:
    with LedgerReader(workspace) as reader:
        done = reader.image(1)
    assert done is not None
    failed = structs.replace(done, id=99, state=ImageState.FAILED)
    for rows in ([done, failed], [failed, done]):
        assert image_by_target(rows)[done.target].id == 1


def test_the_local_listing_is_in_the_order_of_the_keys_bytes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    keys = ["a-b/1", "a.jpg", "a/1", "a/é", "a0", "A/z", "ä/1", "😀/1", "￮/1"]
    for key in keys:
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_bytes(b"x")
    assert list(store.list()) == [StoredObject(k, 1, None) for k in sorted(keys, key=str.encode)]
    assert [found.key for found in store.list("a")] == ["a-b/1", "a.jpg", "a/1", "a/é", "a0"]
    assert [found.key for found in store.list("a/")] == ["a/1", "a/é"]
    assert list(LocalStore(tmp_path / "nowhere").list()) == []


def test_the_command_reports_and_requeues(workspace: Workspace, tmp_path: Path) -> None:
    targets = fill(LocalStore(workspace.root / "out"), workspace, tmp_path / "x")
    clean = photostat("reconcile", "--json", workspace=workspace.root)
    assert clean.json["differences"] == []
    assert clean.json["matching"] == 31
    (workspace.root / "out" / targets[3]).unlink()
    (workspace.root / "out" / targets[4]).write_bytes(b"different")
    printed = photostat("reconcile", workspace=workspace.root, expect=1)
    assert targets[3] in printed.stdout
    assert targets[4] in printed.stdout
    outcome = photostat("reconcile", "--requeue", "--json", workspace=workspace.root, expect=1)
    assert json.loads(outcome.stdout)["missing"] == 1
    with LedgerReader(workspace) as reader:
        states = {row.id: row.state for row in reader.iterate()}
    assert (states[3], states[4]) == ("pending", "done")
    again = photostat("reconcile", "--requeue", "--json", workspace=workspace.root, expect=1)
    assert (again.json["missing"], again.json["different"]) == (0, 1)


def test_damage_that_keeps_the_size_is_found_in_a_local_directory(
    workspace: Workspace, tmp_path: Path
) -> None:
    out = workspace.root / "out"
    targets = fill(LocalStore(out), workspace, tmp_path / "x")
    (out / targets[9]).write_bytes(b"X" + jpeg_of(9)[1:])
    printed = photostat("reconcile", workspace=workspace.root, expect=1)
    assert f"different  {targets[9]}: MD5 " in printed.stdout
    found = photostat("reconcile", "--json", workspace=workspace.root, expect=1).json
    assert (found["different"], found["size_only"]) == (1, 0)
    quick = photostat("reconcile", "--sizes-only", workspace=workspace.root)
    assert "30 objects compared by size alone" in quick.stdout


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_compared(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "out")
    targets = fill(store, workspace, tmp_path / "x")
    with Ledger.open(workspace, "requeue") as ledger:
        waiting = [DeliveredJpeg(number, hashlib.md5(jpeg_of(number)).hexdigest()) for number in (6, 7)]
        ledger.replace_delivered(waiting, None, None, "jd@desk")
        given_up = DeliveredJpeg(8, hashlib.md5(jpeg_of(8)).hexdigest())
        ledger.replace_delivered([given_up], None, None, "jd@desk")
        ledger.failed(8, Failure(Cause.SOURCE_MISSING, Stage.READING, "gone"))
        ledger.accept([8], "the old one will do")
    whole = store.digest

    def digest(key: str) -> str | None:
        if key in (targets[5], targets[6]):
            raise classify_os_error(OSError(errno.EIO, "Input/output error"), f"reading {key}")
        return whole(key)

    monkeypatch.setattr(store, "digest", digest)
    differences, counts = compare(workspace, store)
    assert "cannot be read" in differences[targets[5]].message
    assert "the image is pending, and what has its name cannot be read" in differences[targets[6]].message
    assert (counts.different, counts.extra, counts.matching, counts.to_be_replaced) == (1, 2, 28, 1)


def test_names_that_are_not_text_are_extra(workspace: Workspace, tmp_path: Path) -> None:
    fill(LocalStore(workspace.root / "out"), workspace, tmp_path / "x")
    directory = workspace.root / "out" / "plates"
    directory.mkdir()
    (directory / os.fsdecode(b"\xff\x1b[31m.jpg")).touch()
    assert [d.kind for d in compare(workspace, LocalStore(workspace.root / "out"), "plates")[0].values()] == [
        DifferenceKind.EXTRA
    ]
    outcome = photostat("reconcile", workspace=workspace.root, expect=1)
    assert "\x1b" not in outcome.stdout
    assert photostat("reconcile", "--json", workspace=workspace.root, expect=1).json["extra"] == 1


def test_a_store_that_does_not_answer_is_one_clear_line(workspace: Workspace) -> None:
    (workspace.root / "photostat.toml").write_text(
        '[store]\nurl = "s3://b/p"\nendpoint = "http://127.0.0.1:1"\n', encoding="utf-8"
    )
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    outcome = photostat("reconcile", workspace=workspace.root, env=credentials, expect=2)
    assert "Could not connect" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.usefixtures("s3_credentials")
def test_a_store_with_a_fault_of_its_own_is_no_reason_to_requeue(
    workspace: Workspace, wrong_server: WrongServer
) -> None:
    wrong_server.answer = lambda asked: Reply(500, {"Content-Type": "application/xml"}, b"<Error/>")
    settings = f'[store]\nurl = "s3://b/p"\nendpoint = "{wrong_server.endpoint}"\n'
    (workspace.root / "photostat.toml").write_text(settings, encoding="utf-8")
    told = photostat("reconcile", workspace=workspace.root, expect=2).stderr
    assert "500" in told and "requeue" not in told


@pytest.mark.usefixtures("s3_credentials")
def test_an_empty_bucket_is_no_reason_to_convert_everything_again_until_a_person_says_so(
    workspace: Workspace, seaweed: Seaweed, prefix: str
) -> None:
    settings = f'[store]\nurl = "s3://{BUCKET}/{prefix}"\nendpoint = "{seaweed.endpoint}"\n'
    (workspace.root / "photostat.toml").write_text(settings, encoding="utf-8")
    assert photostat("reconcile", "--json", workspace=workspace.root, expect=1).json["missing"] == 30
    refused = photostat("reconcile", "--requeue", workspace=workspace.root, expect=2)
    assert "none of the 30 images that should be there is in s3://" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    with LedgerReader(workspace) as reader:
        assert reader.account()["newspapers"].done == 30
    photostat("reconcile", "--requeue", "--lost", workspace=workspace.root, expect=1)
    with LedgerReader(workspace) as reader:
        assert reader.account()["newspapers"].done == 0
