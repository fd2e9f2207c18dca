"""What the engine's processes log can be looked at in a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import logging
from engine.visible_stderr import make_stderr_visible
make_stderr_visible()
logging.warning("a server said \\x1b[2J\\x9b")
raise OSError("\\u202e.jp2\\udcff")
"""

FULL = """
import logging, sys, traceback
from engine.visible_stderr import make_stderr_visible
make_stderr_visible()
try:
    raise OSError("what nobody foresaw")
except OSError as error:
    traceback.print_exception(error)
print("a line", file=sys.stderr, flush=True)
logging.error("another")
print("went on")
"""


def test_logs_and_tracebacks_show_no_controls() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=False)
    text = done.stderr.decode()
    assert r"a server said \x1b[2J\x9b" in text and r"OSError: \u202e.jp2\xff" in text
    assert text.replace("\n", "").isprintable()


def test_a_full_disk_under_the_log_ends_no_process() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", FULL], stdout=subprocess.PIPE, stderr=full, check=False)
    assert (done.returncode, done.stdout) == (0, b"went on\n")


CHILD = """
import sys
from engine.processes.child import tie_to_parent

def main(connection, parent_pid):
    tie_to_parent(parent_pid, killed_first=False)
    print("\\x1b[2J", file=sys.stderr, flush=True)
"""
PARENT = """
import child
from engine.processes.child import Child
Child("a child", child.main).connection.poll(None)  # until its end
"""


def test_children_show_no_controls_either(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD, encoding="utf-8")
    paths = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PARENT], env=paths, capture_output=True, check=False)
    assert done.stderr == b"\\x1b[2J\n"
