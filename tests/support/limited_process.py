"""Converts files in a process with little memory and time: `python -m tests.support.limited_process FILE…`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.failures import ImageError
from engine.jp2.jp2_file import read_header
from engine.memory.usage import peak_rss_bytes
from engine.messages import DecodeMode, Plan
from tests.support.conversions import convert
from tests.support.waiting import LONGEST_WAIT_S

ADDRESS_SPACE_BYTES = 1536 * 2**20
PROCESSOR_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """The result for one file."""

    name: str
    cause: str
    """Empty if it was converted."""
    message: str
    warnings: tuple[str, ...]
    peak_bytes: int
    """The peak of the process up to then."""


def convert_limited(paths: Sequence[Path], folder: Path) -> list[Outcome]:
    """Converts the files one after another; a process that dies or runs out of time fails the test."""
    listing = folder / "listing.json"
    listing.write_text(json.dumps([str(path) for path in paths]), encoding="utf-8")
    command = [sys.executable, "-m", "tests.support.limited_process", str(listing)]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    outcomes = [Outcome(**{**answer, "warnings": tuple(answer["warnings"])}) for answer in answers]
    if done.returncode or len(outcomes) < len(paths):
        culprit = paths[len(outcomes)] if len(outcomes) < len(paths) else "its end"
        raise AssertionError(f"died with {done.returncode} at {culprit}: {done.stderr[-2000:]}")
    return outcomes


def _convert_all(paths: Sequence[Path]) -> Iterator[Outcome]:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    for path in paths:
        cause, message = "", ""
        try:
            made, jpeg = convert(path, plan=_plan(path))
            warnings = made.warnings
            jpeg.unlink()
        except ImageError as error:
            cause, message, warnings = error.failure.cause.value, error.failure.message, error.warnings
        yield Outcome(
            path.name, cause, message, warnings, peak_rss_bytes()
        )  # getrusage has our parent's, too


def _plan(path: Path) -> Plan:
    try:
        return Plan(DecodeMode.TILES if read_header(path).is_tiled else DecodeMode.WHOLE)
    except ImageError:
        return Plan(DecodeMode.WHOLE)


if __name__ == "__main__":
    for outcome in _convert_all([Path(name) for name in json.loads(Path(sys.argv[1]).read_text())]):
        print(json.dumps(vars(outcome)), flush=True)
