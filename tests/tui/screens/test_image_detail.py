"""The detail of an image."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.control.requests import Accept, Requeue
from engine.ledger.filters import Selection
from tests.support.app_pilot import opened
from tests.support.jp2_files import make_jp2
from tests.support.ledgers import make_ledger
from tui.screens.image_detail import ImageDetail
from tui.widgets.pictures import PictureBlocks, Pictures
from tui.widgets.text_view import TextView


async def test_enter_shows_everything_known_about_an_image(root: Path) -> None:
    async with opened(root, size=(80, 50)) as session:
        await session.press("f", "down", "down", "down", "enter")
        assert isinstance(session.app.screen, ImageDetail)
        assert r"[bold]markup[/bold] and \x1b[31mcolour\x1b[0m are only text" in session.text
        assert "Restore the file from a backup" in session.text
        await session.press("r")
        assert session.sent_unbounded == [Requeue(Selection(ids=(4,)))]
        await session.press("a", *"lost", "enter")
        assert session.sent_unbounded[1:] == [Accept(Selection(ids=(4,)), "lost")]


async def test_the_detail_of_an_image_that_is_done(root: Path) -> None:
    async with opened(root, size=(80, 50)) as session:
        await session.press("i", "t", "t", "t", "enter")
        for fact in (
            "✓ done",
            "7,216 × 5,412",
            "1024 × 1024",
            "PSNR 41.2 dB",
            "e4d909c2",
            "612M of 667M predicted",
        ):
            assert fact in session.text
        await session.press("r")
        assert session.sent == []
        assert "Only failed images" in session.message


async def test_what_the_export_leaves_out_is_left_out(tmp_path: Path) -> None:
    root = make_ledger(tmp_path / "ws", 1).root
    with sqlite3.connect(root / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE images SET barcode = 'b-17', record = ''")
    async with opened(root) as session:
        await session.press("i", "enter")
        assert "b-17" in session.text and "barcode" in session.text
        assert "record" not in session.text


async def test_source_and_jpeg_are_drawn_when_asked_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_ledger(tmp_path / "ws", 2, failed=1).root
    source = make_jp2(root / "a.jp2", 300, 200)
    with sqlite3.connect(root / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE images SET source = 'a.jp2' WHERE id = 1")
    assert source.size
    monkeypatch.setenv("TERM", "xterm-256color")
    async with opened(root) as session:
        monkeypatch.setattr(type(session.app.console), "color_system", "256")
        await session.press("i", "enter", "I")
        pictures = session.app.screen.query_one(Pictures)
        shown = [strip.text for strip in pictures.query(PictureBlocks).first()._painted]
        assert sum("▀▀▀" in line for line in shown) > 5
        assert "Source  300 × 200" in session.text and "There is none: the image has failed." in session.text
        before = [widget._painted for widget in pictures.query(PictureBlocks)]
        session.app.screen.show(session.app.view)  # type: ignore[attr-defined]
        await session.settle()
        after = [widget._painted for widget in pictures.query(PictureBlocks)]
        assert all(one is other for one, other in zip(before, after, strict=True)), "nothing is drawn anew"
        await session.press("I", "down")
        assert not pictures.display and session.app.screen.query_one(TextView).display
        monkeypatch.setattr(type(session.app.console), "color_system", "standard")
        await session.press("I")
        assert "16 colours" in session.message and not pictures.display
