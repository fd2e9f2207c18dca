"""The detail of an image."""

from __future__ import annotations

from pathlib import Path

from engine.control.requests import Accept, Requeue
from engine.ledger.filters import Selection
from tests.support.app_pilot import opened
from tui.screens.image_detail import ImageDetail


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
