"""What `photostat check` finds without decoding a pixel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.failures import Cause, ImageError, Stage
from engine.jp2.survey import examine_source, survey_source
from engine.messages import SurveyRequest
from engine.workspace import Workspace
from tests.support.command_line import photostat
from tests.support.conversions import convert
from tests.support.jp2_files import (
    Encoding,
    Row,
    Wrapping,
    cut,
    make_codestream,
    make_jp2,
    picture,
    representation,
    write_export,
    write_jp2,
)


def refusal(path: Path) -> Cause:
    with pytest.raises(ImageError) as refused:
        examine_source(SurveyRequest(1, str(path)))
    return refused.value.failure.cause


@pytest.mark.parametrize("length", ["normal", "extended", "zero"])
def test_whole_file_is_examined_as_it_is_surveyed(length: str, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", wrapping=Wrapping(codestream_length=length))
    request = SurveyRequest(7, str(tmp_path / "a.jp2"))
    assert examine_source(request) == survey_source(request)


def test_what_no_header_explains_is_unsupported(tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", channels=4)
    assert refusal(tmp_path / "a.jp2") is Cause.UNSUPPORTED


@pytest.mark.parametrize("tile", [None, (64, 64)])
@pytest.mark.parametrize("length", ["normal", "zero"])
@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_codestream_that_was_cut_is_truncated(
    tile: tuple[int, int] | None, length: str, keep: float, tmp_path: Path
) -> None:
    make_jp2(tmp_path / "a.jp2", encoding=Encoding(tile=tile), wrapping=Wrapping(codestream_length=length))
    assert refusal(cut(tmp_path / "a.jp2", keep)) is Cause.TRUNCATED
    make_codestream(tmp_path / "a.j2k", encoding=Encoding(tile=tile))
    assert refusal(cut(tmp_path / "a.j2k", keep)) is Cause.TRUNCATED


def test_bytes_after_the_end_marker_are_no_damage(tmp_path: Path) -> None:
    make_codestream(tmp_path / "a.j2k")
    (tmp_path / "a.j2k").write_bytes((tmp_path / "a.j2k").read_bytes() + bytes(100))
    assert examine_source(SurveyRequest(1, str(tmp_path / "a.j2k"))).width == 256


def test_check_lists_what_would_be_unsupported_or_truncated(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws").root
    make_jp2(tmp_path / "four.jp2", channels=4)
    make_jp2(tmp_path / "cut.jp2")
    cut(tmp_path / "cut.jp2", 0.8)
    make_jp2(tmp_path / "fine.jp2")
    rows = [
        Row(representation(1), "B", "R", f"{name}.tif", "map", str(tmp_path / f"{name}.jp2"))
        for name in ("four", "cut", "fine")
    ]
    photostat("add", write_export(tmp_path / "export.csv", rows), workspace=workspace)
    found = photostat("check", "--json", workspace=workspace, expect=1).json["findings"]
    assert [(each["target"].rsplit("/")[-1], each["cause"]) for each in found] == [
        ("four.jpg", "unsupported"),
        ("cut.jpg", "truncated"),
    ]


def test_check_and_conversion_report_a_side_beyond_a_jpeg_alike(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "ws").root
    source = tmp_path / "wide.jp2"
    write_jp2(source, picture(65_600, 8, 1), Encoding(levels=2))
    rows = [Row(representation(1), "B", "R", "wide.tif", "map", str(source))]
    photostat("add", write_export(tmp_path / "export.csv", rows), workspace=workspace)
    (found,) = photostat("check", "--json", workspace=workspace, expect=1).json["findings"]
    with pytest.raises(ImageError) as failed:
        convert(source)
    failure = failed.value.failure
    assert (found["cause"], found["stage"], found["message"]) == (
        Cause.TOO_LARGE_FOR_JPEG,
        Stage.VALIDATING,
        failure.message,
    )
    assert (failure.cause, failure.stage) == (Cause.TOO_LARGE_FOR_JPEG, Stage.VALIDATING)


def test_surveyor_worker_and_check_load_no_image_library_before_an_image() -> None:
    program = (
        "import sys, engine.preflight.check, engine.processes.surveyor, engine.processes.worker\n"
        "print(sorted({'numpy', 'pyvips', 'glymur', 'jpylyzer'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
