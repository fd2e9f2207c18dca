"""Whether one file is missing or the share is away, by what else is there, and was there before."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.messages import NeighbourSource
from engine.processes.share_check import Disk, ShareCheck, why_share_is_away


@pytest.fixture
def share(tmp_path: Path) -> Path:
    for representation in ("r1", "r2", "r3", "r4"):
        directory = tmp_path / "mnt" / "share" / representation
        directory.mkdir(parents=True)
        for page in range(3):
            (directory / f"{page}.jp2").write_bytes(b"x")
    return tmp_path / "mnt" / "share"


def check_after(share: Path, *names: str) -> ShareCheck:
    check = ShareCheck()
    for name in names:
        check.remember(str(share / name), name.split("/")[0])
    return check


def expected(*paths: Path) -> list[NeighbourSource]:
    """Sources of the ledger that have not been surveyed, each of another representation."""
    return [NeighbourSource(str(path), path.parent.name, was_there=False) for path in paths]


def test_one_missing_file_is_only_that(share: Path) -> None:
    (share / "r2" / "1.jp2").unlink()
    assert ShareCheck().why_away(str(share / "r2" / "1.jp2"), "r2") is None


def test_a_file_that_is_there_again_is_no_reason(share: Path) -> None:
    assert ShareCheck().why_away(str(share / "r2" / "1.jp2"), "r2") is None


@pytest.mark.parametrize("left", [(), ("lost+found", ".snapshot")])
def test_an_empty_mount_point_is_a_share_that_is_away(share: Path, left: tuple[str, ...]) -> None:
    shutil.rmtree(share)
    for name in ("", *left):
        (share / name).mkdir()
    path, others = str(share / "r2" / "1.jp2"), expected(*(share / f"r{n}" / "0.jp2" for n in (1, 3, 4)))
    for check in (ShareCheck(), check_after(share, "r1/0.jp2")):
        assert check.why_away(path, "r2", others) == f"{share} is empty: is the share mounted?"


@pytest.mark.parametrize("way", ["gone", "empty", "stray"])
def test_a_mount_that_goes_is_noticed_by_what_was_seen_there(share: Path, way: str) -> None:
    check = check_after(share, "r1/0.jp2", "r3/0.jp2", "r4/0.jp2")
    other_disk = share.parent / "other" / "r9" / "0.jp2"
    other_disk.parent.mkdir(parents=True)
    other_disk.touch()
    check.remember(str(other_disk), "r9")
    shutil.rmtree(share)
    if way != "gone":
        share.mkdir()
    if way == "stray":
        (share / "NOT_MOUNTED").touch()
    reason = check.why_away(str(share / "r2" / "1.jp2"), "r2")
    assert str(share) in (reason or "")
    assert reason == check.why_away(
        str(share / "r5" / "1.jp2"), "r5"
    )  # so that a person confirms all of it at once


def test_a_representation_that_is_gone_or_empty_is_not_the_share(share: Path) -> None:
    path = str(share / "r2" / "1.jp2")
    for make in (False, True):
        shutil.rmtree(share / "r2")
        if make:
            (share / "r2").mkdir()
        assert check_after(share, "r1/0.jp2", "r2/0.jp2").why_away(path, "r2") is None
        assert ShareCheck().why_away(path, "r2", expected(share / "r3" / "0.jp2")) is None
        (share / "r2").mkdir(exist_ok=True)


def test_the_only_representation_is_compared_with_its_own_sources(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    check = ShareCheck()
    check.remember(str(flat / "1.jp2"), "r")
    assert check.why_away(str(flat / "2.jp2"), "r") == f"{flat} is empty: is the share mounted?"
    (flat / "1.jp2").touch()
    assert check.why_away(str(flat / "2.jp2"), "r") is None
    shutil.rmtree(flat)
    (tmp_path / "neighbour").touch()
    assert check.why_away(str(flat / "2.jp2"), "r") == f"{flat} is not there: is the share mounted?"


def test_the_manifests_root_missing_is_the_share(tmp_path: Path) -> None:
    check = ShareCheck(root=str(tmp_path / "root"))
    assert "root is not there" in (check.why_away(str(tmp_path / "root" / "r" / "1.jp2")) or "")
    (tmp_path / "neighbour").touch()
    assert check.why_away(str(tmp_path / "elsewhere" / "1.jp2")) is None


def test_if_nothing_was_ever_seen_many_must_miss_the_same_directory(tmp_path: Path) -> None:
    (tmp_path / "neighbour").touch()
    others = [tmp_path / "share" / f"r{n}" / "1.jp2" for n in range(1, 7)]
    path = str(tmp_path / "share" / "r0" / "1.jp2")
    here = expected(tmp_path / "neighbour")
    assert "share is not there" in (ShareCheck().why_away(path, "r0", [*expected(*others), *here]) or "")
    assert ShareCheck().why_away(path, "r0", [*expected(*others[:2]), *here]) is None
    (tmp_path / "share" / "something").mkdir(parents=True)  # now each of them misses another directory
    assert ShareCheck().why_away(path, "r0", [*expected(*others), *here]) is None
    many = [tmp_path / "share" / f"r{n}" / "1.jp2" for n in range(1, 30)]
    assert ShareCheck().why_away(path, "r0", [*expected(*many), *here]) is not None


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.ENODEV, errno.ENOTCONN])
def test_errors_of_the_share_are_the_shares(share: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def stale(path: object) -> os.stat_result:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr("engine.processes.share_check.os.stat", stale)
    answer = check_after(share, "r1/0.jp2").why_away(str(share / "r2" / "1.jp2"), "r2")
    assert os.strerror(code) in (answer or "")


def test_an_error_of_one_file_only_is_not_the_shares(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def stale(path: str) -> os.stat_result:
        if path.endswith("r2/1.jp2"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path)

    monkeypatch.setattr("engine.processes.share_check.os.stat", stale)
    assert check_after(share, "r1/0.jp2").why_away(str(share / "r2" / "1.jp2"), "r2") is None


def disk_with(files: Iterable[str]) -> Disk:
    """A disk with these files and the directories they lie in, and /mnt; a path ending in / is a directory."""
    there = {"/", "/mnt"}
    for file in files:
        path = PurePath(file)
        there |= {str(path), *map(str, path.parents)}
    return Disk(
        lambda path: 0 if path in there else errno.ENOENT,
        lambda directory: not any(str(PurePath(path).parent) == directory for path in there - {"/"}),
    )


Layout = dict[tuple[str, int], list[str]]
"""Sources by mount and representation."""


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    depth = draw(st.sampled_from(["", "/masters", "/masters/jp2"]))
    flat = draw(st.booleans())
    layout: Layout = {}
    for mount in ("nfs", "other"):
        for number in range(draw(st.integers(1, 9))):
            name = f"{mount}{number}"
            directory = f"/mnt/{mount}" if flat else f"/mnt/{mount}/{name}{depth}"
            pages = range(draw(st.integers(1, 3)))
            layout[mount, number] = [f"{directory}/{name}-{page}.jp2" for page in pages]
    return layout


def neighbours_in(layout: Layout, seen: set[str]) -> list[NeighbourSource]:
    return [
        NeighbourSource(path, f"{m}{n}", path in seen) for (m, n), paths in layout.items() for path in paths
    ]


@given(layouts(), st.data())
def test_one_representation_that_is_lost_never_holds_the_others(layout: Layout, data: st.DataObject) -> None:
    mount, number = gone = data.draw(st.sampled_from(sorted(layout)))
    everything = [path for paths in layout.values() for path in paths]
    seen = data.draw(st.sets(st.sampled_from(everything)))
    left = [path for key, paths in layout.items() if key != gone for path in paths]
    left += data.draw(st.sampled_from([[], [str(PurePath(layout[gone][0]).parent)]]))
    for path in layout[gone]:
        assert (
            why_share_is_away(path, f"{mount}{number}", neighbours_in(layout, seen), disk=disk_with(left))
            is None
        )


@given(layouts(), st.data())
def test_a_share_that_was_seen_and_went_always_holds(layout: Layout, data: st.DataObject) -> None:
    here = [path for (mount, _), paths in layout.items() if mount == "nfs" for path in paths]
    seen = data.draw(st.sets(st.sampled_from(here), min_size=1))
    left = [path for (mount, _), paths in layout.items() if mount == "other" for path in paths]
    left += data.draw(st.sampled_from([[], ["/mnt/nfs"], ["/mnt/nfs/lost+found"], ["/mnt/nfs/NOT_MOUNTED"]]))
    reasons = set()
    for (mount, number), paths in layout.items():
        others = [n for m, n in layout if m == "nfs" and n != number]
        was_seen = any(path in seen for n in others for path in layout["nfs", n])
        if mount == "nfs" and len(others) >= 3 and was_seen:
            for path in paths:
                reasons.add(
                    why_share_is_away(path, f"nfs{number}", neighbours_in(layout, seen), disk=disk_with(left))
                )
    assert None not in reasons
    assert len(reasons) <= 1


@given(layouts(), st.data())
def test_while_another_representation_beside_it_is_there_no_loss_is_the_share(
    layout: Layout, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(layout)), min_size=1))
    left = [path for key, paths in layout.items() if key not in gone for path in paths]
    neighbours = neighbours_in(layout, {path for paths in layout.values() for path in paths})
    for mount, number in gone:
        if any(m == mount and (m, n) not in gone for m, n in layout):
            for path in layout[mount, number]:
                assert why_share_is_away(path, f"{mount}{number}", neighbours, disk=disk_with(left)) is None
