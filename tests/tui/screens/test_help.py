"""The help begins with the keys of the page on which it was asked for, and has those of all others."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.app_pilot import opened
from tests.support.cluster_statuses import three_hosts
from tests.support.statuses import engine_status
from tui.actions.registry import ACTIONS, Scope, first_key
from tui.screens.help import help_text
from tui.state.status import EngineStatus


@pytest.mark.parametrize(
    ("keys", "page", "first"),
    [
        ([], Scope.DASHBOARD, "enter"),
        (["f"], Scope.FAILED, "r"),
        (["i"], Scope.LIST, "t"),
        (["f", "enter"], Scope.DETAIL, "r"),
        (["e"], Scope.EVENTS, "/"),
    ],
)
async def test_the_keys_of_this_page_come_first(root: Path, keys: list[str], page: Scope, first: str) -> None:
    async with opened(root, size=(100, 60)) as session:
        await session.press(*keys, "question_mark")
        lines = session.text.splitlines()
        heads = [text.strip(" ─") for text in lines if text.rstrip().endswith("───")]
        assert heads[0] == f"{page.value}: this page"
        its_own = lines[: next(at for at, text in enumerate(lines) if text.startswith("Anywhere"))]
        assert any(text.split()[:1] == [first] for text in its_own)


@pytest.mark.parametrize("page", Scope)
def test_every_key_is_in_the_help_of_every_page(page: Scope) -> None:
    text = [row.plain for row in help_text(page, read_only=False)]
    for action in ACTIONS:
        if set(action.scopes) != {Scope.HELP}:
            assert any(first_key(action) in row.split() and action.tooltip in row for row in text), action


def test_read_only_marks_what_it_refuses() -> None:
    text = [row.plain for row in help_text(Scope.FAILED, read_only=True)]
    assert any("not with --read-only" in row and row.split()[0] == "R" for row in text)


async def test_keys_of_hosts_are_there_as_soon_as_it_is_known_that_there_may_be_some(root: Path) -> None:
    async with opened(root, EngineStatus(), size=(120, 110)) as session:
        await session.press("question_mark")
        assert "Pause" in session.text and "invitation" not in session.text
        session.poller.show(engine_status(three_hosts()))
        await session.settle()
        assert "Void the invitation of this host" in session.text


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("page", [Scope.DASHBOARD, Scope.HOST])
async def test_all_of_it_can_be_read_to_the_last_line(root: Path, page: Scope, columns: int) -> None:
    async with opened(root, engine_status(three_hosts()), size=(columns, 24)) as session:
        await session.press(*(["h"] if page is Scope.HOST else []), "question_mark")
        seen = session.text.splitlines()
        while any("more lines" in row for row in seen[-24:]):
            await session.press("pagedown")
            seen += session.text.splitlines()
        told = " ".join(" ".join(seen).split())
        for action in ACTIONS:
            words = action.tooltip.split()
            assert " ".join(words[:3]) in told and words[-1] in told, action
        assert max(map(cell_len, seen)) <= columns
