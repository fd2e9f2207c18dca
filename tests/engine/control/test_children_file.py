"""Who is taken for a child of an ended engine."""

from __future__ import annotations

import os

import pytest

from engine.control.children_file import record_of


def test_a_process_that_just_begins_another_program_is_nobodys_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a program begins, its process has no command line yet, as one whose first thread has ended."""
    here = record_of(os.getpid(), "photostat-worker-2")
    monkeypatch.setattr("engine.control.children_file.command_line", lambda pid: b"")
    assert not here.is_ours
