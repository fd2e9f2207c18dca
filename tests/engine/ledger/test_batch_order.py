"""The order of the batches and the holds of some: what the work queue makes of them, and that they are kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.failures import UserError
from engine.ledger.batch_order import BatchMove
from engine.ledger.reader import LedgerReader
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.ledgers import export, make_ledger, surveyed

WHO = '{"user":"anna","host":"reading-room","tty":"pts/3"}'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three batches of two images: newspapers (1, 2), maps (3, 4), letters (5, 6)."""
    made = make_ledger(tmp_path / "ws", 2)
    with Ledger.open(made) as ledger:
        ledger.import_rows(export(2, "maps"))
        ledger.import_rows(export(2, "letters"))
    return made


def test_batches_change_places_and_a_new_one_comes_last(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        for name, to, wanted in (
            ("letters", BatchMove.FIRST, ["letters", "newspapers", "maps"]),
            ("maps", BatchMove.UP, ["letters", "maps", "newspapers"]),
            ("letters", BatchMove.DOWN, ["maps", "letters", "newspapers"]),
            ("maps", BatchMove.LAST, ["letters", "newspapers", "maps"]),
        ):
            assert ledger.move_batch(name, to)
            assert list(ledger.account()) == wanted
        assert not ledger.move_batch("letters", BatchMove.UP)
        assert not ledger.move_batch("maps", BatchMove.LAST)
        ledger.import_rows(export(1, "plates"))
    with LedgerReader(workspace) as reader:
        assert list(reader.account()) == ["letters", "newspapers", "maps", "plates"]


def test_the_first_batch_starts_first_and_a_held_one_not_at_all(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(number) for number in range(1, 7)])
        ledger.move_batch("letters", BatchMove.FIRST)
        assert [image.image_id for image in ledger.queue.to_convert(None, 9)] == [5, 6, 1, 2, 3, 4]
        assert ledger.hold_batch("newspapers", WHO, "the review\ncomes first")
        assert not ledger.hold_batch("newspapers", WHO, "again")
    with Ledger.open(workspace) as ledger:
        assert [image.image_id for image in ledger.queue.to_convert(None, 9)] == [5, 6, 3, 4]
        assert ledger.queue.to_convert(["newspapers"], 9) == []
        assert ledger.queue.outstanding(None).surveyed == 4
        hold = ledger.batch_holds()["newspapers"]
        assert (hold.by, hold.reason) == (WHO, "the review comes first")
        assert ledger.release_batch("newspapers")
        assert not ledger.release_batch("newspapers")
        assert [image.image_id for image in ledger.queue.to_convert(None, 9)] == [5, 6, 1, 2, 3, 4]


def test_nothing_of_a_later_batch_starts_before_an_earlier_one_is_read(workspace: Workspace) -> None:
    with Ledger.open(workspace) as ledger:
        ledger.surveyed([surveyed(number) for number in range(1, 7)])
        ledger.import_rows(export(4, "newspapers"))
        assert [request.image_id for request in ledger.queue.to_survey(None, 9)] == [7, 8]
        assert [image.image_id for image in ledger.queue.to_convert(None, 9)] == [1, 2]
        assert [image.image_id for image in ledger.queue.to_convert(None, 9, {7})] == [1, 2]
        assert [image.image_id for image in ledger.queue.to_convert(None, 9, {7, 8})] == [1, 2, 3, 4, 5, 6]
        ledger.hold_batch("newspapers", WHO, "")
        assert ledger.queue.to_survey(None, 9) == []
        assert [image.image_id for image in ledger.queue.to_convert(None, 9)] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("name", "says"),
    [("leters", "did you mean letters?"), ("zzz", "there are newspapers, maps, letters")],
)
def test_an_unknown_batch_is_refused_with_the_nearest(workspace: Workspace, name: str, says: str) -> None:
    with Ledger.open(workspace) as ledger:
        with pytest.raises(UserError, match=re.escape(says)):
            ledger.move_batch(name, BatchMove.UP)
        with pytest.raises(UserError, match=re.escape(says)):
            ledger.hold_batch(name, WHO, "")
        with pytest.raises(UserError, match=re.escape(says)):
            ledger.release_batch(name)
        assert ledger.batch_holds() == {}
