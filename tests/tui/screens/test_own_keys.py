"""A page has the keys of the registry for it, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.app_pilot import opened
from tui.actions.registry import Scope, actions_in
from tui.screens.base import BaseScreen

TEXTUAL_OWN = {"ctrl+c"}
"""Says how to leave."""


@pytest.mark.parametrize(
    ("keys", "scope"),
    [
        ([], Scope.DASHBOARD),
        (["f"], Scope.FAILED),
        (["i"], Scope.LIST),
        (["f", "u"], Scope.LIST),
        (["f", "enter"], Scope.DETAIL),
        (["e"], Scope.EVENTS),
        (["question_mark"], Scope.HELP),
    ],
    ids=lambda value: "".join(value),
)
async def test_a_page_has_its_own_keys_and_no_others(root: Path, keys: list[str], scope: Scope) -> None:
    async with opened(root) as session:
        await session.press(*keys)
        screen = session.app.screen
        assert isinstance(screen, BaseScreen)
        assert screen.SCOPE is scope
        registered = {key for action in actions_in(scope) for key in action.keys.split(",")}
        assert set(screen.active_bindings) == registered | TEXTUAL_OWN


async def test_t_is_no_key_of_the_failures_page(root: Path) -> None:
    async with opened(root) as session:
        await session.press("f", "t", "t", "t", "R")
        assert "Requeue 30 images?" in session.text


async def test_a_done_image_is_not_requeued_or_accepted(root: Path) -> None:
    async with opened(root) as session:
        await session.press("i", "t", "t", "t", "r", "a", "R", "enter", "r")
        assert session.sent == []
        assert "Only failed images can be requeued" in session.message
