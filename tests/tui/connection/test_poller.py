"""What the app says when its engine has gone."""

from __future__ import annotations

from pathlib import Path

from engine.control.client import NoEngine
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.engine_runs import kill_engine, start_engine_without_share
from tui.connection.poller import WorkspacePoller
from tui.state.status import ConnectionState, EngineStatus


def test_an_engine_that_was_killed_leaves_the_path_of_what_may_say_more(workspace: MakeWorkspace) -> None:
    root = workspace(images=1)
    kill_engine(start_engine_without_share(root))
    status = _after_the_engine(root)
    assert "ended unexpectedly: the engine (pid " in status.problem
    assert f"({root}/logs/engine-output.log may say more)" in status.problem


def test_an_engine_whose_last_word_was_missed_has_ended_as_it_should(workspace: MakeWorkspace) -> None:
    """The app last saw it at work, and asked again only after it had finished and left."""
    root = workspace(images=1)
    photostat("run", "--headless", workspace=root)
    assert _after_the_engine(root).problem == ""


def _after_the_engine(root: Path) -> EngineStatus:
    lost = EngineStatus(connection=ConnectionState.LOST)
    return WorkspacePoller(Workspace(root))._without_engine(
        lost, NoEngine("no engine"), 1.0, was_connected=False
    )
