"""What a soak must come to: the account, the bytes of a calm run, and nothing left or grown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.soak.collection import Outcome
from tests.soak.site import Site
from tests.support.engine_runs import list_rows, scratch_contents


@dataclass(frozen=True)
class Figures:
    """Of one site."""

    rows: int
    done: int
    failed: int
    processes: int
    """Engines, and children of engines, that were seen."""
    long_lived: int
    """Those of them whose growth was measured."""
    most_more_bytes: float
    most_more_descriptors: float


def judge(site: Site, calm: Mapping[str, Outcome], stored: Mapping[str, str]) -> Figures:
    """`stored` has the MD5 of every object in the store. Raises AssertionError."""
    rows = list_rows(site.root)
    assert len(rows) == site.rows, f"{site.name}: {len(rows)} of {site.rows} rows"
    for row in rows:
        expected = calm[Path(row["source"]).name]
        found = Outcome(row["state"], row["cause"], row["md5"] if row["state"] == "done" else None)
        assert found == expected, f"{site.name}: {row}, in a calm run {expected}"
    done = {row["target"]: row["md5"] for row in rows if row["state"] == "done"}
    assert stored == done, f"{site.name}: {sorted(stored.items() ^ done.items())[:20]}"
    site.command("reconcile", codes=(0,))
    left = [process for process in site.growth.seen if process.is_running()]
    assert not left, f"{site.name}: processes are left: {left}"
    _assert_nothing_runs_at(site.root)
    assert scratch_contents(site.root) == [], f"{site.name}: scratch has {scratch_contents(site.root)}"
    grown = site.growth.of_the_long_lived()
    assert not any(one.is_too_much for one in grown), f"{site.name}: {grown}"
    return Figures(
        rows=len(rows),
        done=len(done),
        failed=len(rows) - len(done),
        processes=len(site.growth.seen),
        long_lived=len(grown),
        most_more_bytes=max((one.more_bytes for one in grown), default=0),
        most_more_descriptors=max((one.more_descriptors for one in grown), default=0),
    )


def _assert_nothing_runs_at(root: Path) -> None:
    running = [
        p.info for p in psutil.process_iter(["pid", "cmdline"]) if str(root) in (p.info["cmdline"] or [])
    ]
    assert not running, f"at {root} there still runs {running}"


def files_in(directory: Path) -> dict[str, str]:
    """The MD5 of every file, by its path below."""
    return {
        path.relative_to(directory).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in _OURS
    }


_OURS: frozenset[str] = frozenset()
"""What photostat keeps beside the JPEGs."""
