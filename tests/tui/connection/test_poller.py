"""What the app says when its engine has gone."""

from __future__ import annotations

from engine.control.client import NoEngine
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tui.connection.poller import WorkspacePoller
from tui.state.status import ConnectionState, EngineStatus


def test_an_engine_that_ends_without_a_word_leaves_the_path_of_what_may_say_why(
    workspace: MakeWorkspace,
) -> None:
    root = workspace(images=1)
    poller = WorkspacePoller(Workspace(root))
    lost = EngineStatus(connection=ConnectionState.LOST)
    status = poller._without_engine(lost, NoEngine("no engine"), 1.0, was_connected=False)
    assert f"ended unexpectedly ({root}/logs/engine-output.log may say why)" in status.problem
