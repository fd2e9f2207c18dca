"""What the engine's processes log can be looked at in a terminal."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import logging
from engine.visible_stderr import make_stderr_visible
make_stderr_visible()
logging.warning("a server said \\x1b[2J\\x9b")
raise OSError("\\u202e.jp2\\udcff")
"""


def test_logs_and_tracebacks_show_no_controls() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=False)
    text = done.stderr.decode()
    assert r"a server said \x1b[2J\x9b" in text and r"OSError: \u202e.jp2\xff" in text
    assert text.replace("\n", "").isprintable()
