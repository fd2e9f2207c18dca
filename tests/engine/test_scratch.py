"""Scratch: only this workspace's own files are ever removed."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.ledger.writer import Ledger
from engine.messages import StoreRequest
from engine.scratch import Scratch
from engine.workspace import Workspace
from tests.support.command_line import photostat


def scratch_of(root: Path, place: Path, identity: str = "one ledger") -> Scratch:
    root.mkdir(exist_ok=True)
    (root / "photostat.toml").touch()
    made = Scratch(place, root, identity)
    made.prepare()
    return made


def request(path: Path, image_id: int = 7) -> StoreRequest:
    return StoreRequest(image_id, str(path), "b/u/a.jpg", 4, "", "", "", "")


def jpeg(scratch: Scratch, image_id: int = 7) -> Path:
    path = scratch.jpeg_path(image_id, 1)
    path.write_bytes(b"JPEG")
    return path


def test_only_files_with_our_names_in_our_directory_are_swept(tmp_path: Path) -> None:
    place = tmp_path / "scratch"
    scratch = scratch_of(tmp_path / "ws", place)
    kept, swept = jpeg(scratch, 7), jpeg(scratch, 8)
    others = [
        place / "7-1-99.jpg",
        place / "photostat.toml",
        place / "photostat-0123456789abcdef" / "7-1-99.jpg",
        scratch.own / "7-1-99.jpg.kept",
        scratch.own / "notes.txt",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not ours")
    part = swept.with_name(swept.name + ".part")
    part.touch()
    scratch.sweep([str(kept)])
    assert [path.exists() for path in (kept, swept, part)] == [True, False, False]
    assert all(path.read_bytes() == b"not ours" for path in others)


def test_what_waits_is_kept_by_whatever_name_the_workspace_is_called(tmp_path: Path) -> None:
    scratch = scratch_of(tmp_path / "ws", tmp_path / "ws" / "scratch")
    waiting = jpeg(scratch)
    (tmp_path / "link").symlink_to(tmp_path / "ws")
    again = scratch_of(tmp_path / "link", tmp_path / "link" / "scratch")
    found = again.locate(request(waiting))
    assert found is not None
    again.sweep([found.scratch_path])
    assert waiting.exists()


def test_workspaces_that_share_scratch_leave_each_other_s_files_alone(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    one = scratch_of(tmp_path / "one", place, "ledger one")
    waiting = jpeg(one)
    two = scratch_of(tmp_path / "two", place, "ledger two")
    two.sweep([])
    two.remove_if_empty()
    assert waiting.exists()
    assert not two.own.exists()


def test_a_copy_of_a_workspace_does_not_take_up_what_waits_for_the_original(tmp_path: Path) -> None:
    for place in (tmp_path / "shared", tmp_path / "one" / "scratch"):
        original = scratch_of(tmp_path / "one", place)
        waiting = jpeg(original)
        copied = tmp_path / "copy" / "scratch" if place.parent.name == "one" else place
        copy = scratch_of(tmp_path / "copy", copied)
        assert copy.locate(request(waiting)) is None
        copy.sweep([])
        assert waiting.exists()
        assert original.locate(request(waiting)) == request(waiting)


def test_what_waits_is_found_again_after_the_workspace_has_moved(tmp_path: Path) -> None:
    before = scratch_of(tmp_path / "ws", tmp_path / "ws" / "scratch")
    waiting = jpeg(before)
    shutil.move(tmp_path / "ws", tmp_path / "moved")
    after = scratch_of(tmp_path / "moved", tmp_path / "moved" / "scratch")
    found = after.locate(request(waiting))
    assert found is not None
    assert Path(found.scratch_path).read_bytes() == b"JPEG"


def test_rows_of_an_earlier_photostat_that_knew_no_directory_of_its_own_are_taken_up(tmp_path: Path) -> None:
    place = tmp_path / "ws" / "scratch"
    scratch = scratch_of(tmp_path / "ws", place)
    (place / "7-1-4711.jpg").write_bytes(b"JPEG")
    (place / "8-1-4711.jpg").write_bytes(b"half")
    assert scratch.locate(request(place / "7-1-4711.jpg")) is not None
    assert scratch.locate(request(place / "8-1-4711.jpg")) is None  # another image's
    assert scratch.locate(request(place / "source.jp2")) is None


def test_a_directory_with_anything_in_it_stays(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    scratch_of(tmp_path / "ws", place).remove_if_empty()
    assert list(place.iterdir()) == []  # and it was there before, so it stays
    made = scratch_of(tmp_path / "ws", tmp_path / "new")
    made.remove_if_empty()
    assert not made.directory.exists()


def test_relative_sources_are_found_in_scratch_too(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws")
    export = tmp_path / "export.csv"
    export.write_text("1b4e28ba-2fa1-11d2-883f-0016d3cca427,B,R,a.tif,maps,masters/r1/a.jp2\n")
    photostat("add", export, workspace=workspace.root)
    with Ledger.open(workspace, "test") as ledger:
        for place, found in {
            "masters": True,
            "masters/r1": True,
            "masters/r": False,
            "scratch": False,
            "": True,
        }.items():
            assert (ledger.source_within(str(workspace.root / place)) is not None) is found, place
