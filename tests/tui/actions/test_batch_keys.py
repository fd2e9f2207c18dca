"""Keys of the batches on the dashboard: what each sends, what it asks first, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from engine.control.requests import BatchesReply, HoldBatch, MoveBatch, ReleaseBatch, Reply
from engine.control.snapshot import HeldBatch, Person
from engine.ledger.batch_order import BatchMove
from engine.ledger.reader import LedgerReader
from tests.support.app_pilot import on_the_ledger, opened
from tests.support.ledgers import make_ledger
from tests.support.statuses import STATUSES, engine_status, running
from tui.connection.engine_commands import EngineCommand
from tui.widgets.batches import Batches
from tui.widgets.footer import Footer

UP, DOWN = BatchMove.UP, BatchMove.DOWN


async def test_keys_move_hold_and_release_the_batch_under_the_cursor(root: Path) -> None:
    async with opened(root) as session:
        await session.press("K", "J", "h", "r")
        assert session.sent == [], "they belong to the batches, which have not the keys"
        session.app.screen.query_one(Batches).focus()
        await session.press("K", "J", "down", "J")
        assert session.sent == [
            MoveBatch("newspapers", UP),
            MoveBatch("newspapers", DOWN),
            MoveBatch("manuscripts", DOWN),
        ]
        assert session.message == "manuscripts is now number 2 of 3."
        await session.press("h")
        assert "Hold manuscripts?" in session.text
        assert "69,200 images wait until somebody releases it (r)." in " ".join(session.text.split())
        await session.press("n")
        assert len(session.sent) == 3
        await session.press("h", "y", "r")
        assert session.sent[3:] == [HoldBatch("manuscripts", ""), ReleaseBatch("manuscripts")]
        assert session.message == "manuscripts is released."
        footer = session.app.screen.query_one(Footer)._painted[0].text
        assert "h hold" in footer and "r release" in footer


async def test_what_is_so_already_is_said(root: Path) -> None:
    def unchanged(command: EngineCommand) -> Reply:
        return BatchesReply(changed=False, batches=running().batches)

    held = HeldBatch(Person("anna", "desk", "pts/3"), 1.0, "")
    batches = running().batches
    status = engine_status(
        structs.replace(running(), batches=(structs.replace(batches[0], held=held), *batches[1:]))
    )
    async with opened(root, status) as session:
        session.poller.reply = unchanged
        session.app.screen.query_one(Batches).focus()
        await session.press("h")
        assert session.sent == []
        assert session.message == "newspapers is held already. r releases it."
        assert "held" in session.text
        await session.press("K")
        assert session.message == "newspapers is number 1 of 3 already."
        await session.press("r")
        assert session.message == "newspapers is not held."


async def test_without_an_engine_they_go_to_the_ledger_and_read_only_refuses_them(
    root: Path, tmp_path: Path
) -> None:
    async with opened(root, STATUSES["stopped"](), read_only=True) as session:
        session.app.screen.query_one(Batches).focus()
        await session.press("K", "h", "r")
        assert session.sent == []
        assert "--read-only" in session.message
    workspace = make_ledger(tmp_path / "ws", 3)
    async with on_the_ledger(workspace) as session:
        session.app.screen.query_one(Batches).focus()
        await session.press("h", "y")
        await session.until(lambda: "newspapers is held: nothing more" in session.message, "the answer")
        with LedgerReader(workspace) as reader:
            assert '"user"' in reader.batch_holds()["newspapers"].by
            assert "batch newspapers held by" in reader.events(newest_first=True, limit=1)[0].message
