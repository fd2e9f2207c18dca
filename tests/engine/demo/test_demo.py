"""The demo collection: real files of every kind, the same every time, and the faults it promises."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from engine.demo import make_demo
from engine.demo.canvas import grey, samples
from engine.demo.collection import Plate, colliding, plates
from engine.demo.make import MARK
from engine.demo.painting import PAINTERS, paint
from engine.failures import Cause, UserError
from engine.jp2.jp2_file import read_header
from tests.support.command_line import photostat


def small(plate: Plate) -> bool:
    return plate.megapixels < 0.5


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "demo"
    make_demo(directory, only=small)
    return directory


def test_the_collection_is_as_varied_as_it_says() -> None:
    all_plates = plates()
    assert len(all_plates) == 40
    assert {p.type for p in all_plates} == {"newspapers", "manuscripts", "photographs", "maps", "prints"}
    for question in (
        lambda p: p.colour,
        lambda p: p.tile is not None,
        lambda p: bool(p.icc),
        lambda p: p.dpi is not None,
        lambda p: p.bits > 8,
    ):
        assert {question(p) for p in all_plates} == {True, False}
    sizes = [p.megapixels for p in all_plates]
    assert min(sizes) < 0.35
    assert max(sizes) > 12
    assert len({p.source for p in (*all_plates, *colliding())}) == 42
    assert len({(p.uuid, p.name) for p in all_plates}) == 40


def test_files_match_their_plates(demo: Path) -> None:
    for plate in filter(small, plates()):
        header = read_header(demo / plate.source)
        assert (header.width, header.height) == (plate.width, plate.height)
        assert len(header.components) == (3 if plate.colour else 1)
        assert header.components[0].bits == plate.bits
        assert header.is_tiled == (plate.tile is not None)
        assert (header.colour.icc is not None) == bool(plate.icc)
        assert header.progression == plate.progression
        assert header.reversible
        if plate.dpi:
            assert header.capture_resolution is not None
            assert header.capture_resolution.x_per_m == pytest.approx(plate.dpi / 0.0254, rel=1e-5)


def test_the_export_lists_every_image_and_every_fault(demo: Path) -> None:
    with (demo / "export.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    report = make_demo(demo, only=small)
    assert report.rows == len(rows) == report.images + 6
    sources = {row["source"] for row in rows}
    assert {fault.source for fault in report.faults} <= sources
    assert sorted(fault.cause for fault in report.faults) == sorted(
        [
            Cause.SOURCE_MISSING,
            Cause.TRUNCATED,
            Cause.NOT_JPEG2000,
            Cause.NOT_JPEG2000,
            Cause.TARGET_COLLISION,
            Cause.TARGET_COLLISION,
        ]
    )
    missing = [source for source in sources if not (demo / source).exists()]
    assert len(missing) == 1
    collided = [(row["uuid"], row["name"]) for row in rows]
    assert len(collided) - len(set(collided)) == 1


def test_making_it_again_makes_nothing_and_changes_nothing(demo: Path) -> None:
    before = digests(demo)
    report = make_demo(demo, only=small)
    assert report.made == 0
    assert digests(demo) == before


def test_the_same_bytes_every_time(demo: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "again", only=small)
    assert digests(tmp_path / "again") == digests(demo)


def test_an_unfinished_demo_is_completed(demo: Path, tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    make_demo(directory, only=small)
    lost = next(filter(small, plates()))
    (directory / lost.source).unlink()
    assert make_demo(directory, only=small).made == 1
    assert digests(directory) == digests(demo)


def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("chapter one")
    with pytest.raises(UserError, match="not empty and holds no demo"):
        make_demo(tmp_path, only=small)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(UserError, match="is a file"):
        make_demo(tmp_path / "thesis.txt")


def test_exactly_the_planted_faults_fail(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    report = make_demo(root, only=lambda plate: plate.megapixels < 1)
    photostat("add", root / "export.csv", "--split-by", "type", workspace=root, expect=None)
    photostat("run", "--headless", workspace=root, expect=1)
    failed = {(row["source"], row["cause"]) for row in photostat("failures", "--json", workspace=root).json}
    assert failed == {(fault.source, fault.cause.value) for fault in report.faults}
    totals = photostat("status", "--json", workspace=root, expect=None).json["totals"]
    assert (totals["rows"], totals["done"]) == (report.rows, report.images)
    photographs = list((root / "out" / "photographs").rglob("*.jpg"))
    assert len(photographs) == sum(
        1 for plate in plates() if plate.type == "photographs" and plate.megapixels < 1
    )


def test_the_command_leaves_other_directories_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("chapter one")
    refused = photostat("demo", tmp_path, expect=2)
    assert "not empty and holds no demo" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.soak
def test_the_whole_command(tmp_path: Path) -> None:
    outcome = photostat("demo", tmp_path / "demo", "--headless")
    assert "JPEGs are in" in outcome.stdout
    again = photostat("demo", tmp_path / "demo", "--headless")
    assert "46" in again.stdout


@pytest.mark.parametrize("painter", PAINTERS)
def test_painters_fill_the_picture(painter: str) -> None:
    plate = Plate("t", "i", "n.tif", painter, 300, 220, 4.0)
    picture = paint(np.random.default_rng(1), plate)
    assert picture.shape == (220, 300, 3)
    pixels = samples(grey(picture), 8)
    assert pixels.std() > 10
    assert 30 < pixels.mean() < 230


def digests(directory: Path) -> dict[str, str]:
    """Of everything but the settings and the mark, which are texts of their own."""
    return {
        str(path.relative_to(directory)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in ("photostat.toml", MARK)
    }
