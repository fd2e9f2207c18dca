"""The images of a representation, and whether it is complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.app_pilot import opened
from tests.support.ledgers import representation
from tui.screens.representation import RepresentationScreen


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 30)])
async def test_u_shows_the_representation_and_whether_it_is_complete(
    root: Path, size: tuple[int, int]
) -> None:
    async with opened(root, size=size) as session:
        await session.press("f", "u")
        screen = session.app.screen
        assert isinstance(screen, RepresentationScreen)
        assert screen.paged_list.total == 12
        assert size[0] < 80 or "✗ not complete: 0 of 12, 12 failed" in session.text
        assert representation(0) in session.text
