"""The documents name only what exists: files, tests, make targets, commands and settings."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

from engine.config.loader import keys, sections
from engine.config.template import template
from tui.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "bench/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.name != "CHANGELOG.md"  # it tells of the past
]
_PATH = re.compile(
    r"(?:engine|tui|tests|bench|docs|\.ci)/[\w./*-]*|[\w.-]+\.(?:md|lock)|pyproject\.toml|Makefile"
)


def code_spans(document: str) -> list[str]:
    """What stands between backticks, and the lines of fenced blocks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    fenced = [
        line for block in re.findall(r"^```.*?\n(.*?)^```", text, re.S | re.M) for line in block.splitlines()
    ]
    return fenced + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = {span.split("::")[0] for span in code_spans(document) if _PATH.fullmatch(span.split("::")[0])}
    linked = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()
    named = {path for path in named if path.replace("/", "") not in ignored}
    missing = [path for path in named if not list(ROOT.glob(path.rstrip("/").replace("NAME", "*")))]
    missing += [path for path in linked if not (ROOT / document).parent.joinpath(path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_exists(document: str) -> None:
    sources = list((ROOT / "tests").rglob("test_*.py"))
    known = {path.stem for path in sources}
    known |= {
        name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    named = set(re.findall(r"\btest_\w+", "\n".join(code_spans(document))))
    assert named <= known


def test_every_promise_of_the_readme_names_its_tests() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("| promise | tests |")[1].split("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) >= 10
    assert [row for row in rows if "`tests/" not in row] == []


def test_the_architecture_names_every_package() -> None:
    packages = {f"{path.parent.relative_to(ROOT)}/" for path in ROOT.glob("engine/*/__init__.py")}
    packages |= {f"{path.parent.relative_to(ROOT)}/" for path in ROOT.glob("tui/*/__init__.py")}
    assert packages <= set(code_spans("docs/ARCHITECTURE.md"))


def test_the_architecture_has_the_packages_in_the_order_of_their_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["engine"])
    order = [name for layer in layers[1:] for name in layer.split(" | ")]
    table = (
        (ROOT / "docs/ARCHITECTURE.md").read_text(encoding="utf-8").split("| package |")[1].split("\n\n")[0]
    )
    named = [name for name in re.findall(r"^\| `engine/(\w+)/`", table, re.M) if name in order]
    assert named == [name for name in order if name in named]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_is_run_exists(document: str) -> None:
    named = set(re.findall(r"python -m ((?:engine|tui|bench|tests)[\w.]*)", "\n".join(code_spans(document))))
    assert {name for name in named if find_spec(name) is None} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    spans = "\n".join(code_spans(document))
    assert set(re.findall(r"^make ([a-z-]+)", spans, re.M)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_exists(document: str) -> None:
    spans = "\n".join(code_spans(document))
    named = set(re.findall(r"^(?:\$ )?photostat (?:-C \S+ )?([a-z]+)\b", spans, re.M))
    assert named <= set(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_setting_exists(document: str) -> None:
    known = {f"[{name}] {key}" for name, field in sections().items() for key in keys(type(field.default))}
    named = {span for span in code_spans(document) if re.fullmatch(r"\[[a-z]+\] \w+", span)}
    assert named <= known


def test_the_page_of_settings_has_every_key_with_its_default() -> None:
    page = (ROOT / "docs/CONFIGURATION.md").read_text(encoding="utf-8")
    told = [
        f"[{section}]\n{key} = {default}"
        for section, text in re.findall(r"^## [^\n]*`\[(\w+)\]`\n(.*?)(?=^## )", page, re.S | re.M)
        for key, default in re.findall(r"^\| `(\w+)` \| `(.*?)` \|", text, re.M)
    ]
    as_written = tomllib.loads(template())
    assert [told_key for told_key in told if not _is_default(told_key, as_written)] == []
    assert len(told) == sum(len(section) for section in as_written.values())


def _is_default(told: str, as_written: dict[str, Any]) -> bool:
    ((section, values),) = tomllib.loads(told).items()
    return all(
        key in as_written[section] and as_written[section][key] == value for key, value in values.items()
    )
