"""Children end with their engine, however early they are stopped, and the next engine ends what is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil

from engine.control.children_file import record_of, running_children, write_children
from engine.hosts.children import Children
from engine.processes.child import tie_to_parent
from tests.support.waiting import LONGEST_WAIT_S, has_ended, wait_until, wait_until_async

STOPPED_AT_ONCE = """
import os, signal
from engine.processes.child import Child
from engine.processes.surveyor import surveyor_main
child = Child("photostat-surveyor", surveyor_main, "")
os.kill(child.pid, signal.SIGSTOP)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

NOT_TIED = """
import ctypes, os, signal, sys
from pathlib import Path
sys.path.insert(0, "{tests}")
from engine.control.children_file import record_of, write_children
from engine.processes.child import Child
from tests.engine.hosts.test_children import untied_and_stopped
child = Child("photostat-worker-1", untied_and_stopped)
os.waitpid(child.pid, os.WUNTRACED)
write_children(Path("{file}"), [record_of(child.pid, "photostat-worker-1")])
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def untied_and_stopped(*_: object) -> None:
    """A child that does not hear of its parent's end."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, 0)
    os.kill(os.getpid(), signal.SIGSTOP)


def parent_that_dies(code: str) -> psutil.Process:
    """The child of a process that runs this code and kills itself."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())  # not to its end: the child has the pipe too
        parent.wait()
    return psutil.Process(pid)


def test_a_child_that_is_stopped_as_soon_as_it_exists_ends_with_its_parent() -> None:
    try:
        child = parent_that_dies(STOPPED_AT_ONCE)
    except psutil.NoSuchProcess:
        return
    try:
        wait_until(lambda: has_ended(child), "the child's end")
    finally:
        if not has_ended(child):
            child.kill()


def test_the_next_engine_ends_what_its_dead_predecessor_left_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "engine.children"
    left = parent_that_dies(NOT_TIED.format(tests=Path(__file__).parents[3], file=file))
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        assert [record.pid for record in running_children(file)] == [left.pid]
        # Somebody else's process in the list is left alone, and so is one that has got the pid of an ended child.
        other = record_of(stranger.pid, "photostat-worker-2")
        write_children(file, [*running_children(file), other])
        events = Mock()
        Children(file, events, asyncio.Event()).take_over()
        assert has_ended(left)
        assert stranger.poll() is None
        assert "photostat-worker-1 of an earlier engine" in events.warning.call_args.args[1]
        assert not file.exists()
    finally:
        stranger.kill()
        stranger.wait()
        if not has_ended(left):
            left.kill()


def says_twice(connection: Connection[Any, Any], parent_pid: int) -> None:
    """A child that sends two messages, and waits for its end."""
    tie_to_parent(parent_pid, killed_first=False)
    connection.send(1)
    connection.send(2)
    connection.recv()


async def test_what_nobody_has_taken_yet_wakes_the_loop_once(tmp_path: Path) -> None:
    wake_up = asyncio.Event()
    children = Children(tmp_path / "engine.children", Mock(), wake_up)
    child = children.start("photostat-worker-1", says_twice)
    for _ in range(2):
        await asyncio.wait_for(wake_up.wait(), LONGEST_WAIT_S)
        wake_up.clear()
        for _ in range(100):
            await asyncio.sleep(0)  # the loop looks at all that may be read
        assert not wake_up.is_set()
        children.collect(time.monotonic())
    said: list[int] = []

    def both_said() -> bool:
        said.extend(child.messages())
        return said == [1, 2]

    await wait_until_async(both_said, "both messages", asyncio.sleep)
    children.dismiss(child)
    await children.close()
