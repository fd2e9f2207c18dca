"""Every key does one thing, is offered only where it works, and its label says what it does."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.support.statuses import STATUSES
from tui.actions.available import footer_hints, is_offered, label
from tui.actions.registry import ACTIONS, Scope, actions_in, bindings, widget_bindings


def test_every_key_is_bound_once_where_it_works() -> None:
    for scope in Scope:
        keys = [key for action in actions_in(scope) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), scope
        bound = [*bindings(scope), *widget_bindings(scope), *bindings(Scope.ANYWHERE)]
        assert len(bound) == len(actions_in(scope)) + (scope is Scope.ANYWHERE) * len(bindings(scope))


@pytest.mark.parametrize("columns", range(30, 210, 7))
@pytest.mark.parametrize("scope", Scope)
def test_the_footer_is_never_cut_off_and_always_shows_help_and_leave(columns: int, scope: Scope) -> None:
    for status in STATUSES.values():
        for read_only in (False, True):
            hints = footer_hints(scope, status(), columns, read_only=read_only)
            assert cell_len("  ".join(f"{hint.key} {hint.label}" for hint in hints)) <= columns
            assert [hint.key for hint in hints[-2:]] == ["?", "q"]


def test_read_only_offers_nothing_that_changes_anything() -> None:
    for status in STATUSES.values():
        for action in ACTIONS:
            if action.changes:
                assert not is_offered(action, status(), read_only=True)


def test_an_engine_that_is_ending_is_not_offered_what_it_refuses() -> None:
    for action in ACTIONS:
        if action.id in ("pause", "drain", "more_workers", "fewer_workers"):
            assert is_offered(action, STATUSES["running"](), read_only=False)
            assert not is_offered(action, STATUSES["draining"](), read_only=False)
        if action.id == "stop":
            assert is_offered(action, STATUSES["draining"](), read_only=False)


def test_labels_say_what_the_action_does_now() -> None:
    pause = next(action for action in ACTIONS if action.id == "pause")
    freeze = next(action for action in ACTIONS if action.id == "freeze")
    assert label(pause, STATUSES["running"]()) == "pause"
    assert label(pause, STATUSES["paused"]()) == "resume"
    assert label(freeze, STATUSES["running"](), frozen=True) == "go live"
