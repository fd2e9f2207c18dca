"""A ledger of any version becomes the present one with all its images; one that cannot is refused and unchanged."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.ledger import schema
from engine.ledger.account import Account
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import finish, make_ledger


def test_a_ledger_of_a_later_photostat_is_refused_by_writer_and_reader(workspace: Workspace) -> None:
    db = sqlite3.connect(workspace.ledger_path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for opened in (Ledger.open, LedgerReader):
        with pytest.raises(UserError, match="made by a later photostat"):
            opened(workspace)


def test_a_file_that_is_no_ledger_is_refused_in_a_line(workspace: Workspace) -> None:
    workspace.ledger_path.write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    for suffix in ("-wal", "-shm"):
        Path(f"{workspace.ledger_path}{suffix}").unlink(missing_ok=True)
    for opened in (Ledger.open, LedgerReader):
        with pytest.raises(UserError, match="file is not a database"):
            opened(workspace)


ADD_BY_HAND = """
INSERT INTO batches (name, added) VALUES ('maps', 1.5);
INSERT INTO images (batch, uuid, barcode, record, name, type, source, checksum, target, target_key, updated)
    VALUES (1, 'u', 'B1', 'R1', 'a.tif', 'map', '/s/a.jp2', '', 'maps/u/a.jpg', 7, 1.5),
        (1, 'u', 'B1', 'R1', 'b.tif', 'map', '/s/b.jp2', '', 'maps/u/b.jpg', 8, 1.5);
UPDATE images SET state = 'failed', stage = 'reading', cause = 'source-missing', message = 'gone' WHERE id = 2;
"""


def definitions(path: Path) -> set[tuple[str, str, str]]:
    db = sqlite3.connect(path)
    found = set(db.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    db.close()
    return found


@pytest.mark.parametrize("opened", [Ledger.open, LedgerReader])
@pytest.mark.parametrize("version", range(1, len(schema.MIGRATIONS) + 1))
def test_a_ledger_of_every_version_is_brought_up_to_date_with_its_images(
    tmp_path: Path, version: int, opened: type
) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    db = sqlite3.connect(workspace.ledger_path)
    for migration in schema.MIGRATIONS[:version]:
        db.executescript(migration)
    db.executescript(f"{ADD_BY_HAND}; PRAGMA user_version = {version}; PRAGMA journal_mode = WAL;")
    db.close()
    opened(workspace).close()
    assert definitions(workspace.ledger_path) == definitions(make_ledger(tmp_path / "new", 0).ledger_path)
    with LedgerReader(workspace) as reader:
        assert reader.account() == {"maps": Account(rows=2, pending=1, failed=1)}
        assert [(image.source, image.message) for image in reader.images()] == [
            ("/s/a.jp2", None),
            ("/s/b.jp2", "gone"),
        ]
        assert len(reader.identity) == 32
    with Ledger.open(workspace) as ledger:
        assert ledger.requeue(Selection(all=True)) == 1
        finish(ledger, 1)
        assert ledger.account()["maps"] == Account(rows=2, pending=1, done=1)


def test_an_earlier_ledger_knows_on_which_machine_each_image_was_last_tried(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    db = sqlite3.connect(workspace.ledger_path)
    for migration in schema.MIGRATIONS[:14]:
        db.executescript(migration)
    tried = [(1, "conv2", 1.0), (1, "", 2.0), (2, "", 3.0), (2, "conv2", 4.0)]
    db.executescript(
        f"{ADD_BY_HAND}; {ADD_BY_HAND.partition(';')[2].partition(';')[0].replace('/u/', '/v/')};"
    )
    db.executemany(
        "INSERT INTO attempts (image, round, number, pid, host, lane, predicted_bytes, started) "
        "SELECT ?, 1, 1, 5, ?, 'tiles', 5, ?",
        tried,
    )
    db.executescript("PRAGMA user_version = 14; PRAGMA journal_mode = WAL;")
    db.close()
    with LedgerReader(workspace) as reader:
        assert [image.host for image in reader.images()] == ["here", "conv2", None, None]
        assert reader.other_hosts() == ["conv2"]


def test_an_earlier_ledger_knows_what_a_gpu_decoded(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    db = sqlite3.connect(workspace.ledger_path)
    for migration in schema.MIGRATIONS[:16]:
        db.executescript(migration)
    db.executescript(
        f"{ADD_BY_HAND}; {ADD_BY_HAND.partition(';')[2].partition(';')[0].replace('/u/', '/v/')};"
    )
    db.executescript(
        "INSERT INTO kinds VALUES (1, '{}'); UPDATE images SET kind = 1; "
        "UPDATE images SET md5 = 'aa', jpeg_bytes = 5, state = 'done' WHERE id = 1;"
    )
    tried = [
        (1, "again", None, "gone"),
        (1, "converted", "gpu", "decoded"),
        (2, "converted", None, "differs"),
    ]
    db.executemany(
        "INSERT INTO attempts (image, round, number, pid, lane, predicted_bytes, started, ended, outcome, decoded, "
        "gpu) SELECT ?, 1, 1, 5, 'tiles', 5, 1.0, 2.0, ?, ?, ?",
        tried,
    )
    db.executescript("PRAGMA user_version = 16; PRAGMA journal_mode = WAL;")
    db.close()
    with LedgerReader(workspace) as reader:
        assert [image.decoded for image in reader.images()] == ["gpu", "tiles", None, None]
        assert reader.ids(ImageFilter(gpu_differs=True)) == [1]


@pytest.mark.parametrize("opened", [Ledger.open, LedgerReader])
def test_a_migration_to_come_finds_the_images_of_today(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, opened: type
) -> None:
    later = (*schema.MIGRATIONS, "ALTER TABLE batches ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    opened(workspace).close()
    db = sqlite3.connect(workspace.ledger_path)
    assert db.execute("PRAGMA user_version").fetchone()[0] == len(later)
    assert db.execute("SELECT colour, images FROM batches").fetchall() == [("blue", 6)]
    db.close()


def test_an_earlier_ledger_that_is_in_use_is_not_migrated_by_a_reader(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger.open(workspace):
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "SELECT 1"))
        with pytest.raises(UserError, match="earlier photostat, and in use"):
            LedgerReader(workspace)


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*schema.MIGRATIONS, "ALTER TABLE batches ADD COLUMN colour TEXT; SELECT nonsense FROM nowhere")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(UserError, match="nowhere"):
            Ledger.open(workspace)
    with Ledger.open(workspace) as ledger:
        assert ledger.account()["newspapers"].rows == 6


def test_every_table_is_strict_and_no_image_can_be_deleted(workspace: Workspace) -> None:
    db = sqlite3.connect(workspace.ledger_path)
    tables = db.execute(
        "SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%' AND schema = 'main'"
    )
    assert {strict for _, strict in tables} == {1}
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        db.execute("DELETE FROM images WHERE id = 1")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        db.execute("UPDATE images SET state = 'lost' WHERE id = 1")
    db.close()
