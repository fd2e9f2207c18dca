"""Writes docs/REFUSALS.md from the code: every way in which an image fails, and every warning, with its message.

`python -m tests.support.refusal_table FILE` writes the page; `make refusals` does so for docs/REFUSALS.md.

A failure is made by `ImageError(cause, stage, message)` or `Failure(...)` and nowhere else. What the three can be is
followed from there through names, conditions, tables and the callers of a function; a value that only a file can
have becomes "…". So a refusal cannot be missing: it is in the table because it is in the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

from engine.failures import REMEDIES, RETRYABLE, Cause, Stage
from tests.support.source_values import Call, Sources, Value

ROOT = Path(__file__).parents[2]
PACKAGES = ("jp2", "jpeg", "conversion", "memory", "processes", "supervisor")
"""Of engine: all that makes an image's failure but the store, whose errors are its own (engine/store/errors.py)."""
OPEN = "…"
_MAKERS = ("ImageError", "Failure")

MEANINGS = {
    Cause.SOURCE_MISSING: "The source is not where the export says.",
    Cause.SOURCE_UNREADABLE: "The source is there, and the system does not let photostat read it, or it changes.",
    Cause.NOT_JPEG2000: "The file is something else: the message says what.",
    Cause.TRUNCATED: "Bytes that the file promises are missing: part of the picture is gone.",
    Cause.CORRUPT: "The file contradicts the standard or itself: the picture cannot be known.",
    Cause.UNSUPPORTED: "The file may be right, and no right JPEG can be made of it here.",
    Cause.TOO_LARGE_FOR_JPEG: "A side is longer than a JPEG can be.",
    Cause.OUT_OF_MEMORY: "No decode mode that is right for this file fits into the memory that there is.",
    Cause.WORKER_CRASHED: "The process that converted it ended. No other image is affected.",
    Cause.TIMED_OUT: "It took far longer than an image of its size takes.",
    Cause.PROOF_FAILED: "The JPEG, or what the decoder read, is not what the source holds. No JPEG was stored.",
    Cause.INTERNAL: "A fault of photostat.",
}
"""Of the causes that a file or its conversion can have; the others come from the export, the store and the disk."""


_BEGINNING = f"""\
# What is refused, and why

This page is made from the code by `make refusals`; a test compares them. Do not edit it.

An image that cannot become a right JPEG *fails*: with a cause from a closed list, the stage in which that was found,
and a message with the facts. `photostat failures` shows them. Nothing is stored for it, and nothing else is affected.
In the messages below, {OPEN} stands for what only the file can say: numbers, names, places.

Causes that come from the export, the store or the disk (`target-collision`, `store-denied`, `store-mismatch`,
`store-unavailable`, `disk-full`) are not about files and not on this page.
"""


@dataclass(frozen=True, order=True)
class Refusal:
    cause: Cause
    stage: Stage | None
    """None if it is the stage that the worker is in."""
    message: str
    module: str
    hint: str = ""
    """A remedy of its own."""


@dataclass(frozen=True, order=True)
class Warned:
    message: str
    module: str


def sources(*more: str) -> Sources:
    return Sources.read(ROOT, [f"engine/{package}" for package in (*PACKAGES, *more)])


def refusals(code: Sources) -> list[Refusal]:
    """Sorted by cause; raises ValueError for a failure whose cause cannot be followed."""
    found = set()
    for name in _MAKERS:
        for call in code.calls(name):
            found |= set(_refusals_of(code, call))
    order = list(Cause)
    return sorted(found, key=lambda one: (order.index(one.cause), one.stage or "", one.message, one.module))


def _refusals_of(code: Sources, call: Call) -> Iterator[Refusal]:
    if call.has_star or call.module.endswith("failures.py"):
        return  # a failure that is only passed on
    causes, stages = (
        code.values(call.argument(0, "cause"), call),
        code.values(call.argument(1, "stage"), call),
    )
    messages = code.values(call.argument(2, "message"), call)
    hints = code.values(call.argument(3, "hint"), call) or [Value("")]
    for cause, stage, message in product(causes, stages, messages):
        if not cause.text.startswith("Cause."):
            raise ValueError(f"{call.module}:{call.line}: the cause of this failure cannot be followed")
        if all(a.is_together_with(b) for a, b in ((cause, message), (cause, stage), (stage, message))):
            named = Stage[stage.text.removeprefix("Stage.")] if stage.text.startswith("Stage.") else None
            hint = hints[0].text if len(hints) == 1 else ""
            yield Refusal(
                Cause[cause.text.removeprefix("Cause.")],
                named,
                message.text,
                message.module or call.module,
                hint,
            )


def warnings() -> list[Warned]:
    """Also those of the store."""
    code = sources("store")
    return sorted({Warned(value.text, value.module) for value in code.warnings()})


def as_pattern(message: str) -> re.Pattern[str]:
    """Matches the messages that a line of the table stands for."""
    return re.compile(".*".join(re.escape(part) for part in message.split(OPEN)), re.S)


def page() -> str:
    lines = _BEGINNING.splitlines()
    for cause, group in groupby(refusals(sources()), key=lambda one: one.cause):
        if cause in MEANINGS:
            lines += _section(cause, list(group))
    lines += _warning_section(warnings())
    return "\n".join(lines) + "\n"


def _section(cause: Cause, group: list[Refusal]) -> list[str]:
    again = "It is tried again by itself." if cause in RETRYABLE else "Another attempt would find the same."
    return [
        "",
        f"## `{cause.value}`",
        "",
        f"{MEANINGS[cause]} {again}",
        "",
        f"*What to do:* {REMEDIES[cause]}",
        "",
        "| stage | message | found by |",
        "|---|---|---|",
        *(f"| {one.stage or 'any'} | {_cell(one.message)} | `{one.module}` |" for one in group),
    ]


def _warning_section(found: Iterable[Warned]) -> list[str]:
    return [
        "",
        "## Converted, with a warning",
        "",
        "What is odd and does not hide the picture is a warning on an image that is done (`photostat list --json`, "
        "and the report). Whatever OpenJPEG itself warns of is one too, after `OpenJPEG:`; with `strict = true` under "
        "`[engine]` it is a failure.",
        "",
        "| warning | given by |",
        "|---|---|",
        *(f"| {_cell(one.message)} | `{one.module}` |" for one in found),
    ]


def _cell(text: str) -> str:
    if text.strip(f"{OPEN}: ") == "":
        return "(the words of the system or a library)"
    escaped = text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
    return re.sub(rf"(?:{OPEN}\s*)+{OPEN}", OPEN, escaped)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
