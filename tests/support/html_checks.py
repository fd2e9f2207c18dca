"""Checks of the pages that photostat writes: well-formed, self-contained and harmless; and a real browser for them."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

from tests.support.system_tools import system_tool
from tests.support.waiting import LONGEST_WAIT_S

_VOID = {"meta", "img", "br", "link", "input", "hr"}
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


class Page(HTMLParser):
    """A parsed page: its tags and its text; fails if tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-1:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def self_contained_page(html: str) -> Page:
    """The parsed page; fails if it loads anything from elsewhere, or lacks what readers and screen readers need."""
    page = Page(html)
    for tag, attributes in page.tags:
        for key in ("src", "href", "action", "srcset", "poster", "data"):
            value = attributes.get(key, "")
            assert value == "" or value.startswith(("data:", "#")), f"<{tag} {key}={value!r}>"
        assert not [key for key in attributes if key.startswith("on")], f"<{tag}> has a handler: {attributes}"
        assert tag not in ("iframe", "object", "embed", "base", "form", "link")
    assert not re.search(r"@import|url\(", html)
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("title")
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert all(
        "aria-label" in attributes or attributes.get("aria-hidden") == "true"
        for attributes in page.all("svg")
    )
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
    return page


def evaluate_in_browser(page: Path, profile: Path, script: str, width: int = 1280, height: int = 1000) -> str:
    """The value of `script`, an expression, in the loaded page, and the errors of the page's scripts, as JSON.

    For tests that are marked `needs_tool("chromium")`.
    """
    probe = page.with_name(f"probe-{page.name}")
    errors = "<script>window.faults=[];window.addEventListener('error',e=>faults.push(String(e.message)));</script>"
    ask = f"<script>document.title=JSON.stringify([{script},faults]);</script>"
    html = page.read_text(encoding="utf-8")
    html = html.replace("<head>", f"<head>{errors}", 1)
    if "script-src" not in html:
        html = html.replace("img-src data:", "img-src data:; script-src 'unsafe-inline'", 1)
    probe.write_text(html.replace("</body>", f"{ask}</body>"), encoding="utf-8")
    command = [
        system_tool("chromium"),
        *_QUIET,
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*command, probe.as_uri()],
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
        errors="replace",
    )
    found = re.search(r"<title>(.*?)</title>", done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return found.group(1)
