"""Lists and an image's page name the machine of the last attempt where several machines convert."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.ledger.writer import Ledger
from tests.support.app_pilot import opened
from tests.support.ledgers import fail_on, make_ledger


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 and 2 failed on conv2, 3 on the engine's machine, the others were never tried."""
    workspace = make_ledger(tmp_path_factory.mktemp("tried") / "ws", 5)
    with Ledger.open(workspace) as ledger:
        fail_on(ledger, "conv2", 1, 2)
        fail_on(ledger, "", 3)
    return workspace.root


@pytest.mark.parametrize(("width", "has_column"), [(60, False), (80, False), (100, True), (200, True)])
async def test_failures_have_a_column_for_the_host_where_there_is_room(
    tried: Path, width: int, has_column: bool
) -> None:
    async with opened(tried, size=(width, 30)) as session:
        await session.press("f")
        rows = [row for row in session.text.splitlines() if "corrupt " in row and "error" not in row]
        assert ["conv2" in row for row in rows] == [has_column, has_column, False]
        assert ["here" in row for row in rows] == [False, False, has_column]
        assert "corrupt on conv2: wrong bytes" in session.text, "the details name it at every width"


async def test_the_list_of_all_images_has_it_on_a_wide_terminal(tried: Path) -> None:
    async with opened(tried, size=(200, 60)) as session:
        await session.press("i")
        assert session.text.count("conv2") == 3
    async with opened(tried, size=(120, 40)) as session:
        await session.press("i")
        assert session.text.count("conv2") == 1, "in the details alone"


async def test_the_filter_finds_the_images_of_a_host(tried: Path) -> None:
    async with opened(tried) as session:
        await session.press("f", "slash", *"CONV2", "enter")
        assert "1–2 of 2" in session.text
        await session.press("escape", "escape", "i", "slash", *"conv2", "enter")
        assert "1–2 of 2" in session.text


async def test_an_image_s_page_says_where_it_was_last_tried(tried: Path) -> None:
    async with opened(tried, size=(100, 40)) as session:
        await session.press("f", "enter")
        assert "last tried on     conv2" in session.text


async def test_one_machine_alone_is_not_named(root: Path) -> None:
    async with opened(root, size=(200, 60)) as session:
        await session.press("f")
        assert " host " not in session.text and "here" not in session.text
