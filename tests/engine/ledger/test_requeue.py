"""What a person decides about images: exactly those, all or none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import ValidationError, convert, to_builtins

from engine.failures import UserError
from engine.ledger.account import Account
from engine.ledger.filters import Selection
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, finish, make_ledger


def totals(workspace: Workspace) -> Account:
    with LedgerReader(workspace) as reader:
        return reader.figures().totals


def test_requeue_by_id_batch_cause_text_and_all(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 12, failed=10)
    with Ledger.open(workspace) as ledger:
        assert ledger.requeue(Selection()) == 0
        assert ledger.requeue(Selection(ids=(1, 12))) == 1
        assert ledger.requeue(Selection(cause="source-missing")) == 2
        assert ledger.requeue(Selection(text="P0002.J")) == 1
        assert ledger.requeue(Selection(text="100%_sure!")) == 0
        assert ledger.requeue(Selection(batch="nowhere")) == 0
        assert ledger.requeue(Selection(batch="newspapers", cause="corrupt")) == 2
        assert ledger.requeue(Selection(all=True)) == 4
    assert totals(workspace) == Account(rows=12, pending=12)


def test_any_number_of_ids_can_be_selected(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=3)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(export(40_000, "maps"))
        assert ledger.requeue(Selection(ids=tuple(range(1, 40_004)))) == 3


def test_unknown_ids_are_named_and_nothing_changes(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=3)
    with Ledger.open(workspace) as ledger:
        with pytest.raises(UserError, match="no images 98, 99 in the ledger; nothing was changed"):
            ledger.requeue(Selection(ids=(1, 98, 99)))
        with pytest.raises(UserError, match="no image 99 in"):
            ledger.accept([1, 99], "gone")
        with pytest.raises(UserError, match="needs a reason"):
            ledger.accept([1], "  ")
    assert totals(workspace).failed == 3


def test_accepted_images_leave_the_account_and_can_come_back(tmp_path: Path) -> None:
    workspace = make_ledger(tmp_path / "ws", 3, failed=2)
    with Ledger.open(workspace) as ledger:
        assert ledger.accept([1, 2, 3], "lost in the flood") == 2
        assert ledger.account()["newspapers"] == Account(rows=3, pending=1, accepted=2)
        assert ledger.requeue(Selection(all=True)) == 0
        assert ledger.requeue(Selection(ids=(1,))) == 1
    with LedgerReader(workspace) as reader:
        image = reader.image(2)
        assert image is not None and (image.reason, image.cause) == ("lost in the flood", "truncated")
        assert reader.failure_groups() == []
        assert [event.kind for event in reader.events(image_id=1)] == ["accept", "requeue"]


def test_of_two_with_one_target_only_one_can_come_back(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    first, second = export(2)
    with Ledger.open(workspace) as ledger:
        ledger.import_rows(iter([first, second._replace(name="x", target=first.target)]))
        assert ledger.requeue(Selection(all=True)) == 0
        ledger.accept([1, 2], "both")
        assert ledger.requeue(Selection(ids=(1, 2))) == 0
        assert ledger.requeue(Selection(ids=(2,))) == 1
        assert ledger.requeue(Selection(ids=(1,))) == 0
        assert ledger.account()["newspapers"] == Account(rows=2, pending=1, accepted=1)


def test_what_the_store_lost_is_converted_again(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        finish(ledger, 1)
        assert ledger.convert_again([1, 2], "missing in the store") == 1
        assert ledger.account()["newspapers"] == Account(rows=6, pending=6)
    with LedgerReader(workspace) as reader:
        assert reader.figures().jpeg_bytes == 0


def test_a_selection_survives_json_and_refuses_what_is_none() -> None:
    selection = Selection((1, 2), "maps", "corrupt", False, "text")
    assert convert(json.loads(json.dumps(to_builtins(selection))), Selection) == selection
    refused: list[object] = [
        {"ids": "1"},
        {"ids": [True]},
        {"batch": 3},
        {"all": "yes"},
        {"everything": True},
        [],
    ]
    for wrong in refused:
        with pytest.raises(ValidationError):
            convert(wrong, Selection)
