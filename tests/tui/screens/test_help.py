"""The help begins with the keys of the page on which it was asked for, and has those of all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.app_pilot import opened
from tui.actions.registry import ACTIONS, Scope, first_key
from tui.screens.help import help_text


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
