"""`photostat check --deep` as a person uses it: the table of kinds, differences, Ctrl-C, beside an engine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest

from engine.ledger.writer import Ledger
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support import fake_decoder
from tests.support.command_line import environment, photostat, start
from tests.support.jp2_files import Encoding, Row, cut, make_jp2, representation, write_export
from tests.support.waiting import LONGEST_WAIT_S, has_ended, wait_until

ALONE = {"PATH": "/nowhere"}
"""Without the programs of this machine."""


def collection(root: Path) -> Path:
    """Six images of two kinds, one of them cut."""
    workspace = Workspace.init(root / "ws").root
    rows = []
    for number in range(6):
        path = root / f"{number}.jp2"
        make_jp2(path, seed=number, encoding=Encoding(tile=(64, 64)) if number > 3 else None)
        rows.append(Row(representation(1), "B", "R", f"{number}.tif", "map", str(path)))
    cut(root / "0.jp2", 0.8)
    photostat("add", write_export(root / "export.csv", rows), workspace=workspace)
    return workspace


def test_kinds_are_counted_and_compared_in_text_and_json(tmp_path: Path) -> None:
    root = collection(tmp_path)
    outcome = photostat("check", "--deep", "--json", workspace=root, env=ALONE, expect=1)
    assert outcome.json["ok"] == 5
    deep = outcome.json["deep"]
    assert [(kind["images"], kind["sampled"], kind["compared"], kind["bad"]) for kind in deep["kinds"]] == [
        (3, 2, 2, 0),
        (2, 2, 2, 0),
    ]
    assert [kind["tiling"] for kind in deep["kinds"]] == ["untiled", "64 × 64"]
    assert (deep["unread"], deep["other_kinds"], deep["interrupted"]) == (1, 0, False)
    assert [decoder["name"] for decoder in deep["decoders"]] == ["Pillow"]
    ways = {(one["way"], one["outcome"]) for image in deep["images"] for one in image["comparisons"]}
    assert ways == {("strips", "same"), ("tiles", "same"), ("Pillow", "same")}
    printed = photostat("check", "--deep", "--sample", "1", workspace=root, env=ALONE, expect=1).stdout
    assert "Created by OpenJPEG" in printed
    assert "No independent decoder is installed" in printed
    assert "2 images of 2 kinds compared" in printed
    assert "no difference" in printed
    assert "1 image of no known kind" in printed


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    root = collection(tmp_path)

    def ids(*options: str) -> list[int]:
        asked = ("check", "--deep", "--sample", "1", "--json", *options)
        deep = photostat(*asked, workspace=root, env=ALONE, expect=1).json["deep"]
        return [image["id"] for image in deep["images"]]

    assert ids() == ids("--seed", "0")


def test_options_of_deep_need_it_and_none_of_a_kind_only_counts(tmp_path: Path) -> None:
    root = collection(tmp_path)
    refused = photostat("check", "--sample", "3", workspace=root, expect=2)
    assert "go with --deep" in refused.stderr
    deep = photostat("check", "--deep", "--sample", "0", "--json", workspace=root, expect=1).json["deep"]
    assert ([kind["images"] for kind in deep["kinds"]], deep["images"]) == ([3, 2], [])
    assert photostat("check", "--json", workspace=root, expect=1).json["deep"] is None


def test_a_decoder_that_differs_is_a_finding(workspace: MakeWorkspace, tmp_path: Path) -> None:
    root = workspace(images=2)
    env = fake_decoder.install(tmp_path / "bin")
    assert photostat("check", workspace=root, env=env).code == 0
    printed = photostat("check", "--deep", workspace=root, env=env, expect=1).stdout
    assert "kdu_expand differs from whole in " in printed
    assert "first at channel 1, column 0, row 0; photostat agrees with Pillow" in printed
    assert "kdu_expand 9.9: independent; differs about 2 images" in printed
    assert printed.count("One of two decoders is wrong.") == 1
    wrong = fake_decoder.install(tmp_path / "bin", fake_decoder.NEVER_RIGHT)
    printed = photostat("check", "--deep", "--sample", "1", workspace=root, env=wrong).stdout
    assert "kdu_expand 9.9: not asked: it decodes a known picture wrongly" in printed
    silent = fake_decoder.install(tmp_path / "bin", fake_decoder.FAILS)
    printed = photostat("check", "--deep", workspace=root, env=silent).stdout
    assert "has no opinion about 2 images" in printed


def test_ctrl_c_prints_what_was_found_and_leaves_nothing_behind(
    workspace: MakeWorkspace, tmp_path: Path
) -> None:
    root, marker = workspace(images=2), tmp_path / "marker"
    (tmp_path / "tmp").mkdir()
    env = fake_decoder.install(tmp_path / "bin", fake_decoder.hangs(marker)) | {
        "TMPDIR": str(tmp_path / "tmp")
    }
    process = start("check", "--deep", "--json", workspace=root, env=environment(env))
    wait_until(lambda: marker.exists() and marker.read_text().isdigit(), "the program that hangs")
    program = psutil.Process(int(marker.read_text()))
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=LONGEST_WAIT_S)
    assert process.returncode == 130
    deep = json.loads(printed)["deep"]
    assert deep["interrupted"]
    assert {image["skipped"] for image in deep["images"]} == {"interrupted"}
    wait_until(lambda: has_ended(program), "the program's end")
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("deep", [(), ("--deep",)])
def test_it_works_beside_an_engine_and_writes_no_ledger(
    workspace: MakeWorkspace, deep: tuple[str, ...]
) -> None:
    root = workspace(images=2)
    with Ledger.open(Workspace(root)):
        before = {path.name: path.read_bytes() for path in root.glob("ledger*")}
        photostat("check", *deep, workspace=root, env=ALONE)
        assert {path.name: path.read_bytes() for path in root.glob("ledger*")}.keys() == before.keys()
        assert (root / "ledger.sqlite").read_bytes() == before["ledger.sqlite"]
