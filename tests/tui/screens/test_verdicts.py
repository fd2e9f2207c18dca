"""`v`: what a person says of a delivered image, and of a batch."""

from __future__ import annotations

from pathlib import Path

from engine.ledger.reader import LedgerReader
from engine.ledger.replacements import DeliveredJpeg
from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.support.app_pilot import on_the_ledger


async def test_v_says_whether_a_delivered_image_is_fine(collection: Path) -> None:
    async with on_the_ledger(Workspace(collection)) as session:
        await session.press("f", "enter", "v")
        assert "Only delivered images have a verdict; this one is failed." in session.message
        await session.press("i", "t", "t", "t", "enter", "v")
        assert "n  not fine" in session.text and "take it back" not in session.text
        await session.press("n", "enter", *"dark", "enter")
        await session.until(lambda: "Recorded: not fine." in session.message, "the verdict")
        await session.until(lambda: "not fine: dark, by " in session.text, "its history")
        assert "photostat requeue 6 --replace --quality N" in " ".join(session.text.split())
        await session.press("v")
        assert "not fine: dark." in " ".join(session.text.split())
        await session.press("w")
        await session.until(lambda: "The verdict is taken back." in session.message, "its end")
        await session.press("v", "escape", "v", "f")
        await session.until(lambda: "Recorded: fine." in session.message, "another one")
    with LedgerReader(Workspace(collection)) as reader:
        assert [one.verdict for one in reader.verdicts(6)] == ["not-fine", "withdrawn", "fine"]


async def test_v_on_a_batch_approves_it_as_it_was_shown(collection: Path) -> None:
    workspace = Workspace(collection)
    async with on_the_ledger(workspace) as session:
        await session.press("tab", "v")
        asked = " ".join(session.text.replace("│", " ").split())
        assert "Approve newspapers although it has 5 images failed, 3 images not converted yet?" in asked
        await session.press("escape", "v", "a", *"seen", "enter")
        await session.until(lambda: "newspapers is approved, although" in session.message, "the approval")
        await session.press("v", "a")
        with Ledger.open(workspace, "accept") as ledger:
            ledger.accept([1], "lost")
        await session.press("enter")
        await session.until(
            lambda: "1 change of its images came after it was shown" in session.message, "a no"
        )
        await session.press("v")
        assert "changed since (1 change)" in " ".join(session.text.split())
        await session.press("w", "enter")
        await session.until(lambda: "is not approved any more" in session.message, "the withdrawal")
    with LedgerReader(workspace) as reader:
        said = [(one.approved, one.note) for one in reader.standing("newspapers").approvals]
    assert said == [(False, ""), (True, "seen")]


async def test_an_image_s_page_keeps_the_jpegs_that_were_replaced(collection: Path) -> None:
    md5 = "e4d909c290d0fb1ca068ffaddf22cbd0"
    with Ledger.open(Workspace(collection), "requeue") as ledger:
        ledger.replace_delivered([DeliveredJpeg(6, md5)], 60, "4:2:0", "jd@desk")
    async with on_the_ledger(Workspace(collection), size=(100, 60)) as session:
        await session.press("i", *["down"] * 5, "enter")
        await session.until(lambda: "Replaced JPEGs" in session.text, "its page")
        assert "quality 60, subsampling 4:2:0" in session.text and "asked for by jd@desk" in session.text
        assert f"MD5 {md5}" in session.text
        assert "stays in the store until the new JPEG is verified" in " ".join(session.text.split())
