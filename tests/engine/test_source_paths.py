"""[manifest] replace says where the files are that an export names by a path of another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import SourcePaths
from engine.config.loader import load
from engine.failures import UserError
from engine.ledger.writer import Ledger
from tests.support.exports import HEADER, Collection, row


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "ws")


DRIVE = "Z:\\scans\\"


@pytest.mark.parametrize(
    ("replace", "source", "path"),
    [
        ({DRIVE: "/mnt/scans/"}, "Z:\\scans\\a b\\c.jp2", "/mnt/scans/a b/c.jp2"),
        ({DRIVE: "/mnt/scans"}, "z:/Scans/a\\C.jp2", "/mnt/scans/a/C.jp2"),
        ({"Z:\\scans": "/mnt/scans/"}, "Z:\\scans\\a.jp2", "/mnt/scans/a.jp2"),
        ({"Z:": "/mnt/z"}, "Z:\\a\\b.jp2", "/mnt/z/a/b.jp2"),
        ({"\\\\server\\share\\": "/mnt/"}, "\\\\SERVER\\share\\x\\y.jp2", "/mnt/x/y.jp2"),
        ({"//server/share/": "/mnt/"}, "//server/share/y.jp2", "/mnt/y.jp2"),
        ({"file:///": "/"}, "file:///mnt/B%C3%BCrger%20a.jp2", "/mnt/Bürger a.jp2"),
        ({"file://server/": "/mnt/server"}, "FILE://server/a.jp2", "/mnt/server/a.jp2"),
        ({"~/": "/home/scans/"}, "~/a.jp2", "/home/scans/a.jp2"),
        ({"/old/": "/new/"}, "/old/a\\b.jp2", "/new/a\\b.jp2"),
        ({"/old/": ""}, "/old/a.jp2", "/ws/a.jp2"),
        ({"/old/": "rel/"}, "/old/a.jp2", "/ws/rel/a.jp2"),
        ({"/a/": "/1/", "/a/b/": "/2/"}, "/a/b/c.jp2", "/2/c.jp2"),
        ({"/a/": "/1/"}, "/A/b.jp2", "/A/b.jp2"),
        ({}, "Z:\\a.jp2", "/ws/Z:\\a.jp2"),
        ({}, "rel/a.jp2 ", "/ws/rel/a.jp2 "),
        ({}, "/mnt//a/./b/", "/mnt/a/b"),
        ({}, "/mnt/a/.", "/mnt/a"),
        ({}, "/mnt/../.a/b", "/mnt/../.a/b"),
        ({}, "/", "/"),
    ],
)
def test_the_longest_prefix_that_fits_is_replaced(replace: dict[str, str], source: str, path: str) -> None:
    assert SourcePaths(Path("/ws"), replace).path(source) == path


@pytest.mark.parametrize(
    "written", ['replace = "x"', "replace = { a = 1 }", 'replace = { "" = "/mnt/" }', 'strip = "yes"']
)
def test_a_wrong_value_is_named_with_its_key(tmp_path: Path, written: str) -> None:
    settings = tmp_path / "photostat.toml"
    settings.write_text(f"[manifest]\n{written}\n")
    with pytest.raises(UserError, match=written.partition(" ")[0]):
        load(settings)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("Z:\\scans\\1\\a.jp2", '"Z:\\\\scans\\\\1\\\\" = "/mnt/scans/"'),
        ("\\\\server\\share\\a.jp2", '"\\\\\\\\server\\\\share\\\\" = '),
        ("file:///mnt/x/a.jp2", '"file:///mnt/x/" = "/mnt/x/"'),
        ("~/scans/a.jp2", '"~/scans/" = '),
        ("smb://server/a.jp2", '"smb://server/" = '),
        ("scans\\a.jp2", '"scans\\\\" = '),
    ],
)
def test_add_hints_at_paths_of_another_machine(collection: Collection, source: str, key: str) -> None:
    report = collection.add(HEADER + row(source=source) + row("b.tif", "/s/b.jp2"))
    (hint,) = [note for note in report.notes if "replace = {" in note]
    assert "1 row has" in hint and "line 2" in hint and key in hint
    assert report.all_is_well
    prefix = source[: max(source.rfind("/"), source.rfind("\\")) + 1]
    again = collection.add(HEADER + row(source=source), replace={prefix: "/mnt/"})
    assert not any("replace" in note for note in again.notes) and again.total.known == 1


def test_the_hint_names_the_prefix_that_all_of_them_share(collection: Collection) -> None:
    report = collection.add("".join(row(f"{i}.tif", f"Z:\\scans\\{i}\\{i}.jp2") for i in range(20)))
    assert any(
        "20 rows have Windows paths" in note and '{ "Z:\\\\scans\\\\" = ' in note for note in report.notes
    )


def test_a_replaced_path_is_used_without_another_add_and_lists_keep_the_export_s(
    collection: Collection,
) -> None:
    collection.add(row(source="Z:\\scans\\x\\a.jp2"))
    settings = collection.workspace.config_path
    settings.write_text('[manifest]\nreplace = { "Z:\\\\scans\\\\" = "/mnt/scans/" }\n')
    with Ledger.open(collection.workspace) as ledger:
        (request,) = ledger.queue.to_survey(None, 10)
        assert request.source_path == ledger.subject(1).source == "/mnt/scans/x/a.jp2"
    assert collection.images()[0].source == "Z:\\scans\\x\\a.jp2"


def test_scratch_is_not_put_where_replaced_sources_are(collection: Collection) -> None:
    collection.add(row(source="Z:\\scans\\x\\a.jp2"))
    settings = collection.workspace.config_path
    settings.write_text('[manifest]\nreplace = { "Z:\\\\scans\\\\" = "/mnt/scans/" }\n')
    with Ledger.open(collection.workspace, "add") as ledger:
        assert ledger.source_within("/mnt/scans/x") == "Z:\\scans\\x\\a.jp2"
        assert ledger.source_within("/mnt") == "Z:\\scans\\x\\a.jp2"
        assert ledger.source_within("/mnt/other") is None
