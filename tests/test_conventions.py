"""The tests' own rules: waits without bounds of their own, and packages that mirror those of the code."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
OWN_BOUND = re.compile(r"\btimeout=\d|\.(?:wait|join|settimeout)\(\d|communicate\(\d")
SLEEP = re.compile(r"\btime\.sleep\((?!.*#)")


def test_waits_have_no_bounds_of_their_own_and_sleeps_have_a_reason() -> None:
    """A busy machine outlives any number of seconds: `tests/support/waiting.py` has the one bound."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OWN_BOUND.search(line) or SLEEP.search(line)
    ]
    assert found == []


def test_tests_lie_in_the_packages_of_what_they_test() -> None:
    packages = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}
    own = {Path(), Path("end_to_end"), Path("soak")}
    assert [package for package in packages - own if not (ROOT / package / "__init__.py").exists()] == []
