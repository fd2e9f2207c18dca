"""The engine's child processes."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Any

import pytest

from engine.processes.child import Child, settings_of_children
from tests.support.waiting import wait_until


def tell_threads(connection: Connection[Any, Any], parent_pid: int) -> None:
    connection.send(os.environ.get("OPENBLAS_NUM_THREADS"))
    connection.recv()


@pytest.mark.parametrize(("set_by_a_person", "told"), [(None, "1"), ("3", "3")])
def test_numpy_uses_one_thread_in_each(
    set_by_a_person: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are as many workers as cores."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if set_by_a_person is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", set_by_a_person)
    child = Child("threads", tell_threads)
    try:
        wait_until(child.connection.poll, "the child's answer")
        assert list(child.messages()) == [told]
    finally:
        child.kill()
        child.close()


@pytest.mark.parametrize(
    ("set_by_a_person", "given"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.arena_max=2", "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_memory_comes_in_huge_pages_unless_a_person_has_chosen(set_by_a_person: str, given: str) -> None:
    assert settings_of_children({"GLIBC_TUNABLES": set_by_a_person})["GLIBC_TUNABLES"] == given
