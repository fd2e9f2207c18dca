"""The README's pictures are there, are small, and say in words what they show."""

from __future__ import annotations

import re
from pathlib import Path

from tui.screenshot import DASHBOARD, FAILURES, LIGHT_DASHBOARD
from tui.screenshot_hosts import HOSTS

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000


def test_the_readme_has_pictures_that_the_app_drew() -> None:
    pictures = re.findall(r"!\[(.*?)\]\((docs/.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {path for _, path in pictures} == {
        f"docs/{name}" for name in (DASHBOARD, FAILURES, LIGHT_DASHBOARD, HOSTS)
    }
    for words, path in pictures:
        assert len(words) > 20, f"what {path} shows"
        svg = (ROOT / path).read_text(encoding="utf-8")
        assert svg.startswith("<svg")
        assert len(svg.encode()) < MOST_BYTES
        text = re.sub(r"<[^>]*>|&#160;", " ", svg)
        assert "RUNNING" in text
        if HOSTS in path:
            assert "2 of 3 hosts" in text and "lost" in text and "to others" in text
        assert "not-jpeg2000" in text, "a planted fault of the demo"
