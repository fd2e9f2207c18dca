"""docs/REFUSALS.md has every refusal and every warning that the code can give, and nothing else."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest

from engine.failures import Cause, ImageError
from engine.jp2.decoding.colour import plan_colour
from engine.jp2.jp2_file import Jp2File
from engine.jp2.kinds import kind_of
from engine.jp2.validation.validate import check_structure
from tests.support import refusal_table
from tests.support.jp2_files import Encoding, Wrapping, make_jp2
from tests.support.refusal_table import OPEN, ROOT, as_pattern
from tests.support.source_values import Sources

WORDS_OF_OTHERS = {
    (Cause.OUT_OF_MEMORY, "engine/conversion/convert.py"),
    (Cause.OUT_OF_MEMORY, "engine/processes/worker.py"),
    (Cause.PROOF_FAILED, "engine/conversion/verify.py"),
    (Cause.INTERNAL, "engine/conversion/convert.py"),
    (Cause.INTERNAL, "engine/processes/worker.py"),
    (Cause.INTERNAL, "engine/processes/surveyor.py"),
}
"""Where all of a message is an exception's: of the system, a library, or a fault that nobody foresaw."""


@cache
def refusals() -> list[refusal_table.Refusal]:
    return refusal_table.refusals(refusal_table.sources())


def test_the_page_is_what_the_code_says() -> None:
    page = (ROOT / "docs/REFUSALS.md").read_text(encoding="utf-8")
    assert page == refusal_table.page(), "run `make refusals`"


def test_every_failure_in_the_code_has_a_message_that_can_be_followed() -> None:
    on_the_page = [one for one in refusals() if one.cause in refusal_table.MEANINGS]
    unknown = {(one.cause, one.module) for one in on_the_page if not one.message.strip(f"{OPEN}: ")}
    assert unknown == WORDS_OF_OTHERS


def test_every_module_that_refuses_is_in_the_table() -> None:
    words = ("corrupt(", "truncated(", "unsupported(", "ImageError(")
    refusing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "engine/jp2").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in words)
    }
    assert refusing - {one.module for one in refusals()} == {"engine/jp2/errors.py"}


def test_a_failure_whose_cause_is_not_to_be_found_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('def f(error):\n    raise ImageError(error.cause, Stage.READING, "no")\n')
    code = Sources.read(tmp_path, ["."])
    with pytest.raises(ValueError, match=r"a\.py:2"):
        refusal_table.refusals(code)


def outcome(path: Path) -> tuple[Cause | None, str, list[str]]:
    """Cause and message if the file is refused before a pixel is decoded, and the warnings."""
    warnings: list[str] = []
    try:
        with Jp2File.open(path) as file:
            kind_of(file)  # whatever the header is, it is of some kind
            warnings += [*file.header.warnings, *file.metadata.warnings]
            warnings += check_structure(file).warnings
            warnings += plan_colour(file.header).warnings
    except ImageError as error:
        return error.failure.cause, error.failure.message, warnings
    return None, "", warnings


KINDS = {
    "tiled": (Encoding(tile=(32, 32), tile_parts="R", progression="RLCP", plt=True, tlm=True), Wrapping()),
    "with channels": (Encoding(precinct=64, sop=True), Wrapping(channels=((0, 0, 3), (1, 0, 1), (2, 0, 2)))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_damaged_files_are_refused_for_is_in_the_table(kind: str, tmp_path: Path) -> None:
    encoding, wrapping = KINDS[kind]
    path = tmp_path / "a.jp2"
    make_jp2(path, 64, 64, encoding=encoding, wrapping=wrapping)
    good, chance = path.read_bytes(), random.Random(kind)
    warned = {as_pattern(one.message) for one in refusal_table.warnings()}
    found: set[tuple[Cause, str]] = set()
    for _ in range(150):
        bad = bytearray(good)
        bad[chance.randrange(min(len(bad), 500))] = chance.randrange(256)
        path.write_bytes(bad[: chance.choice((len(bad), len(bad), chance.randrange(len(bad))))])
        cause, message, warnings = outcome(path)
        assert [w for w in warnings if not any(pattern.fullmatch(w) for pattern in warned)] == []
        if cause is not None:
            found.add((cause, message))
    assert len({cause for cause, _ in found}) >= 3
    lines = [(one.cause, as_pattern(one.message)) for one in refusals() if one.message.strip(f"{OPEN}: ")]
    for cause, message in found:
        assert any(cause is of and pattern.fullmatch(message) for of, pattern in lines), message
