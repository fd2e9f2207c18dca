"""Programs of the system that some tests compare photostat with; `@pytest.mark.needs_tool("exiftool")` asks for one.

A test with the mark is skipped where the program is not installed. A test that uses one without the mark fails
there, so that `pytest -m needs_tool` selects all tests that a machine without these programs skips.
"""

from __future__ import annotations

import os
import shutil

import pytest

DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "exiftool": "libimage-exiftool-perl",
    "ffmpeg": "ffmpeg",
    "grk_compress": "grokj2k-tools",
    "grk_decompress": "grokj2k-tools",
    "opj_compress": "libopenjp2-tools",
    "opj_decompress": "libopenjp2-tools",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "systemd-analyze": "systemd",
}
_OTHER_NAMES = {"chromium": ("chromium-browser", "google-chrome", "chrome")}
_ADMINISTRATORS_PATH = ("/usr/local/sbin", "/usr/sbin")
"""Where sshd is, which is not on everybody's PATH."""


def find_tool(name: str) -> str | None:
    """The program's path, if it is installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_ADMINISTRATORS_PATH])
    found = (shutil.which(candidate, path=path) for candidate in (name, *_OTHER_NAMES.get(name, ())))
    return next((program for program in found if program), None)


def system_tool(name: str) -> str:
    """The program's path, for a test that is marked `needs_tool(name)`."""
    path = find_tool(name)
    assert path is not None, f"{name} is not installed: mark this test with needs_tool({name!r})"
    return path


def skip_without_tools(test: pytest.Item) -> None:
    """Skips a test that is marked `needs_tool` if one of its programs is missing."""
    for mark in test.iter_markers("needs_tool"):
        for name in mark.args:
            if find_tool(name) is None:
                pytest.skip(f"needs {name} (Debian: {DEBIAN_PACKAGES[name]})")
