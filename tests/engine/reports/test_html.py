"""Templates print only what is harmless, and miss nothing without saying so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError

from engine.reports import html

TEMPLATES = Path(html.__file__).parent / "templates"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template `page`, in the environment of the real ones."""
    template = '<a title="{{ text }}">{{ text }}</a>{{ size | data_size }} {{ share | percent_of(100) }}'
    monkeypatch.setattr(html._environment(), "loader", DictLoader({"page": template}))


@pytest.mark.usefixtures("page")
def test_texts_from_outside_are_escaped_and_their_control_characters_shown() -> None:
    text = "<b>\"'&\u202egpj.exe\x1b[31m\nnext\udcff"
    shown = "&lt;b&gt;&#34;&#39;&amp;\\u202egpj.exe\\x1b[31m next\\xff"
    made = "".join(html.render("page", text=text, size=7.23e12, share=0.01))
    assert made == f'<a title="{shown}">{shown}</a>7.23\u202fTB &lt;0.1\u202f%'


@pytest.mark.usefixtures("page")
def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="text"):
        "".join(html.render("page", size=1, share=1))


def test_every_template_is_used() -> None:
    """From one of the pages, directly or not."""
    used = {"report.html", "proof_sheet.html", "review.html"}
    while True:
        texts = [(TEMPLATES / name).read_text("utf-8") for name in used]
        found = {
            name for text in texts for name in re.findall(r'\{% (?:include|extends|from) "([^"]+)"', text)
        }
        if found <= used:
            break
        used |= found
    assert used == {path.name for path in TEMPLATES.iterdir()}


def test_no_template_switches_escaping_off() -> None:
    for path in TEMPLATES.iterdir():
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text("utf-8")), path.name
