"""What two machines must see alike, and what is told of a machine that sees something else."""

from __future__ import annotations

import errno
import os
import shutil
from multiprocessing import Pipe
from pathlib import Path

import pytest

from engine.config import StoreSettings
from engine.messages import Concerns, KnownStore, Problem
from engine.processes import examiner
from engine.processes.examiner import Alike, Compare, ConvertSpecimens, Show, Shown, seen_words

STORE = StoreSettings(url="file:out")
KNOWN, OTHER = KnownStore("0123456789abcdef"), KnownStore("0123456789abcdef", host="b")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with two sources, and a store."""
    for name, size in (("1.jp2", 1000), ("2.jp2", 400_000)):
        path = tmp_path / "share/scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    (tmp_path / "out").mkdir()
    return tmp_path


def test_an_answer_that_nobody_waits_for_any_more_is_no_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examiner, "tie_to_parent", lambda *args, **more: None)
    theirs, ours = Pipe()
    theirs.close()
    examiner.examiner_main(ours, 1, Show(sources(root), STORE, root, KNOWN))
    assert list((root / "out").iterdir()) == []


def sources(root: Path) -> tuple[str, ...]:
    return tuple(str(root / "share/scans" / name) for name in ("1.jp2", "2.jp2", "gone.jp2"))


def compared(root: Path, shown: Shown) -> Alike | Problem:
    """What a machine says of it on which everything is where it is on the engine's."""
    with Compare(shown, STORE, root, OTHER).answered() as answer:
        assert isinstance(answer, Alike | Problem)
        return answer


def test_a_machine_that_sees_the_same_sources_and_store_is_alike_and_nothing_is_left(root: Path) -> None:
    with Show(sources(root), STORE, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown) and len(shown.sources) == 2 and (root / "out" / shown.mark).is_file()
        assert compared(root, shown) == Alike()
    assert list((root / "out").iterdir()) == []
    s3 = StoreSettings(url="s3://bucket/prefix")
    with Show(sources(root), s3, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown) and shown.mark == ""


def test_without_sources_the_store_alone_is_compared(root: Path) -> None:
    with Show((), STORE, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown) and shown.sources == ()
        shutil.rmtree(root / "share")
        assert compared(root, shown) == Alike()
        (root / "out").rename(root / "away")
        (root / "out").mkdir()
        found = compared(root, shown)
        assert isinstance(found, Problem) and found.concerns is Concerns.STORE
    assert seen_words([], "file:out") == "the store file:out"
    assert seen_words(sources(root), "file:out") == f"{sources(root)[0]} and the store file:out"


def test_other_sources_are_named_with_what_is_wrong_and_what_to_do(root: Path) -> None:
    share = root / "share"
    with Show(sources(root), STORE, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown)
        large = (share / "scans/2.jp2").read_bytes()
        for change, told in (
            (large[:-1], "2.jp2 has 399999 bytes here, and 400000 where the engine is: it is another share"),
            (large[:-1] + b"x", "2.jp2 has other bytes here than where the engine is: it is another share"),
            (b"x" + large[1:], "2.jp2 has other bytes here than where the engine is: it is another share"),
        ):
            (share / "scans/2.jp2").write_bytes(change)
            found = compared(root, shown)
            assert isinstance(found, Problem) and found.concerns is Concerns.SOURCES and told in found.why
        (share / "scans/2.jp2").unlink()
        (share / "scans/2.jp2").mkdir()
        found = compared(root, shown)
        assert isinstance(found, Problem) and "2.jp2 cannot be read here: " in found.why
        shutil.rmtree(share / "scans")
        found = compared(root, shown)
        assert (
            isinstance(found, Problem) and f"1.jp2 is not here: {share} is empty. Mount the same" in found.why
        )
        share.rmdir()
        found = compared(root, shown)
        assert isinstance(found, Problem) and f"1.jp2 is not here: {root} has no share" in found.why


def test_a_directory_of_the_same_name_is_no_store_and_none_is_made(root: Path) -> None:
    with Show(sources(root), STORE, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown)
        (root / "out").rename(root / "elsewhere")
        found = compared(root, shown)
        assert isinstance(found, Problem) and found.concerns is Concerns.STORE
        assert f"{root / 'out'}, the store, is not here. Mount the store" in found.why
        assert not (root / "out").exists()
        (root / "out").mkdir()
        found = compared(root, shown)
        assert isinstance(found, Problem)
        assert f"{root / 'out'} is another directory here than where the engine is (it is empty)" in found.why


def test_without_hard_links_no_machine_stores_in_a_directory(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    with Show(sources(root), STORE, root, KNOWN).answered() as shown:
        assert isinstance(shown, Shown)
        monkeypatch.setattr(os, "link", link)
        found = compared(root, shown)
    assert isinstance(found, Problem) and found.concerns is Concerns.STORE
    assert (
        found.why.startswith(f"the file system of {root / 'out'} makes no hard links")
        and "s3://" in found.why
    )
    with Show(sources(root), STORE, root, KNOWN).answered() as at_engine:
        assert isinstance(at_engine, Problem) and "makes no hard links" in at_engine.why
    assert list((root / "out").iterdir()) == []


def test_a_machine_that_cannot_convert_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(directory: Path) -> None:
        raise ModuleNotFoundError("No module named 'pyvips'")

    monkeypatch.setattr(examiner, "convert_specimens", fails)
    with ConvertSpecimens(root).answered() as answer:
        assert isinstance(answer, Problem) and answer.concerns is Concerns.CODECS
    assert (
        answer.why.startswith("nothing can be converted here: ") and "No module named 'pyvips'" in answer.why
    )
