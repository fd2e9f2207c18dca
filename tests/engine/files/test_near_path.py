"""A source that is missing though a path like it is there: the message quotes both and names the difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.failures import Cause, ImageError
from engine.files.near_path import find_near_path
from engine.jp2.file_reader import FileReader
from tests.support.command_line import photostat
from tests.support.exports import Collection, row
from tests.support.jp2_files import make_jp2

COMPOSED, DECOMPOSED = "Bürger", "Bu\u0308rger"


def message(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        FileReader.open(path)
    assert caught.value.failure.cause == Cause.SOURCE_MISSING
    return caught.value.failure.message


@pytest.mark.parametrize(
    ("wanted", "found", "says"),
    [
        ("a.jp2 ", "a.jp2", "differs in blanks at the start or end of a name: the export has 'a.jp2 '"),
        ("a.jp2", " a.jp2", "the file is called ' a.jp2'"),
        (
            f"{COMPOSED}.jp2",
            f"{DECOMPOSED}.jp2",
            r"in Unicode form: the export has 'B\xfcrger.jp2', the file is called",
        ),
        (f"{DECOMPOSED}.jp2", f"{COMPOSED}.jp2", r"the export has 'Bu\u0308rger.jp2'"),
        (f"{DECOMPOSED}/x.jp2", f"{COMPOSED}/x.jp2", "in Unicode form"),
        (f"{COMPOSED}/{DECOMPOSED}.jp2", f"{DECOMPOSED}/{COMPOSED}.jp2", "in Unicode form"),
        ("A.JP2", "a.jp2", "differs in capitals"),
        (
            f"{COMPOSED}.jp2",
            os.fsdecode("Bürger.jp2".encode("latin-1")),
            "in encoding: the file's name is not UTF-8",
        ),
        (f"{COMPOSED.upper()}.jp2 ", f"{DECOMPOSED}.jp2", "in blanks, Unicode form and capitals"),
    ],
)
def test_the_difference_is_named(tmp_path: Path, wanted: str, found: str, says: str) -> None:
    (tmp_path / found).parent.mkdir(exist_ok=True)
    (tmp_path / found).write_bytes(b"x")
    told = message(tmp_path / wanted)
    assert says in told
    assert f'(ENOENT): "{tmp_path}/' in told


def test_what_is_plainly_missing_or_ambiguous_has_no_other_path(tmp_path: Path) -> None:
    for name in ("b.jp2", "Ab.jp2", "aB.jp2"):
        (tmp_path / name).touch()
    assert find_near_path(str(tmp_path / "none.jp2")) is None
    assert find_near_path(str(tmp_path / "AB.jp2")) is None
    assert find_near_path(str(tmp_path / "no" / "directory" / "b.jp2")) is None
    assert find_near_path(str(tmp_path / "b.jp2" / "c")) is None
    assert message(tmp_path / "none.jp2") == f'No such file or directory (ENOENT): "{tmp_path}/none.jp2"'


def test_check_shows_the_difference_and_the_remedy(tmp_path: Path) -> None:
    collection = Collection(tmp_path / "ws")
    make_jp2(tmp_path / "a.jp2")
    collection.add(row(source=f"{tmp_path}/a.jp2  "))
    outcome = photostat("check", "--json", workspace=collection.workspace.root, expect=1)
    assert "which differs in blanks at the start or end" in outcome.stdout
    assert "strip = true" in outcome.stdout
