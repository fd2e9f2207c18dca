"""Proof sheets: the crops are the pictures', the figures the JPEGs', the sample the seed's."""

from __future__ import annotations

import io
import json
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

from engine.config import JpegSettings
from engine.failures import Cause
from engine.ledger.reader import LedgerReader
from engine.reports.proof_sheet.crop import choose_crop
from engine.reports.proof_sheet.random_sample import draw_sample
from engine.reports.proof_sheet.sample_image import SampleImage, Trial, UnreadableImage, encode_sample
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.command_line import photostat
from tests.support.html_checks import Page, evaluate_in_browser, self_contained_page
from tests.support.jp2_files import Encoding, Wrapping, cut, make_jp2, wide_gamut_profile
from tests.support.ledgers import make_ledger

BUDGET_BYTES = 1 << 30


@pytest.fixture
def ledger(tmp_path: Path) -> Workspace:
    return make_ledger(tmp_path / "ledger", 60, failed=20, done=10)


def sample_of(path: Path, ledger: Workspace, scratch: Path, *qualities: int) -> SampleImage | UnreadableImage:
    with LedgerReader(ledger) as reader:
        (row,) = reader.images(limit=1)
    return encode_sample(row, path, JpegSettings(), Trial(qualities or (85, 95), 1, scratch), BUDGET_BYTES)


def test_the_sample_is_the_seeds_and_leaves_failures_out(ledger: Workspace) -> None:
    with LedgerReader(ledger) as reader:
        first = [row.id for row in draw_sample(reader, None, 10, seed=1)]
        assert first == [row.id for row in draw_sample(reader, None, 10, seed=1)]
        assert first != [row.id for row in draw_sample(reader, None, 10, seed=2)]
        assert len(first) == 10
        assert min(first) > 20
        assert len(draw_sample(reader, None, 500, seed=1)) == 40


def test_crops_and_figures_are_real(ledger: Workspace, tmp_path: Path) -> None:
    pixels = make_jp2(tmp_path / "a.jp2", 900, 700, encoding=Encoding(tile=(256, 256)))
    sample = sample_of(tmp_path / "a.jp2", ledger, tmp_path)
    assert isinstance(sample, SampleImage)
    crop = sample.crop
    window = pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    assert np.array_equal(opened(sample.png), window)
    low, high = sample.jpegs
    assert (low.quality, high.quality) == (85, 95)
    assert (low.subsampling, high.subsampling) == ("4:2:0", "4:4:4")
    assert low.jpeg_bytes < high.jpeg_bytes
    assert low.psnr_db < high.psnr_db
    error = [np.abs(opened(one.png).astype(int) - window).mean() for one in (low, high)]
    assert error[0] > error[1] > 0
    assert list(tmp_path.glob("*.jpg")) == []


def test_crops_carry_the_profile(ledger: Workspace, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2", wrapping=Wrapping(icc=wide_gamut_profile()))
    sample = sample_of(tmp_path / "a.jp2", ledger, tmp_path)
    assert isinstance(sample, SampleImage)
    for png in (sample.png, sample.jpegs[0].png):
        assert Image.open(io.BytesIO(png)).info["icc_profile"] == wide_gamut_profile()


@pytest.mark.parametrize(
    ("width", "height", "channels"), [(40, 30, 1), (1, 1, 3), (2000, 9, 1), (340, 1200, 3)]
)
def test_any_shape_has_a_crop(
    ledger: Workspace, tmp_path: Path, width: int, height: int, channels: int
) -> None:
    make_jp2(tmp_path / "a.jp2", width, height, channels=channels)
    sample = sample_of(tmp_path / "a.jp2", ledger, tmp_path)
    assert isinstance(sample, SampleImage)
    crop = sample.crop
    assert 0 <= crop.left <= crop.left + crop.width <= width
    assert 0 <= crop.top <= crop.top + crop.height <= height


def test_the_crop_is_where_detail_is() -> None:
    random = np.random.default_rng(1)
    pixels = np.full((1600, 2000), 200, np.uint8)
    pixels[400:1300, 1100:1900] = random.integers(0, 255, (900, 800))
    crop = choose_crop(pyvips.Image.new_from_array(pixels))
    window = pixels[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    assert window.std() > 30


def test_what_cannot_be_read_is_named(ledger: Workspace, tmp_path: Path) -> None:
    make_jp2(tmp_path / "a.jp2")
    shown = sample_of(cut(tmp_path / "a.jp2", 0.5), ledger, tmp_path)
    assert isinstance(shown, UnreadableImage)
    missing = sample_of(tmp_path / "nothing.jp2", ledger, tmp_path)
    assert isinstance(missing, UnreadableImage)
    assert missing.failure.cause is Cause.SOURCE_MISSING


@pytest.mark.needs_tool("chromium")
def test_the_page_and_its_flip_in_a_real_browser(workspace: MakeWorkspace, tmp_path: Path) -> None:
    root = workspace(images=3, width=500, height=400)
    sheet = root / "sheet.html"
    photostat("proof", "--sample", "2", "--quality", "70,85,92", "-o", sheet, workspace=root)
    self_contained_page(sheet.read_text(encoding="utf-8"))
    script = """(() => {
        const button = document.querySelector("button.flip"), image = button.querySelector("img");
        const source = document.querySelector(".source img").src, before = image.src;
        const seen = [image.naturalWidth > 0, before !== source];
        button.click();
        seen.push(image.src === source, button.getAttribute("aria-pressed"));
        button.click();
        seen.push(image.src === before, button.getAttribute("aria-pressed"));
        document.dispatchEvent(new KeyboardEvent("keydown", {key: "s"}));
        seen.push([...document.querySelectorAll("button.flip")].every(b => b.getAttribute("aria-pressed") === "true"));
        return seen;
    })(), document.images.length"""
    seen, images, faults = json.loads(unescape(evaluate_in_browser(sheet, tmp_path / "profile", script)))
    assert faults == []
    assert images == 2 * 4
    assert seen[1:] == [True, True, "true", True, "false", True]

    layout = """[...document.querySelectorAll(".crops")].map(row => [
        new Set([...row.querySelectorAll("img")].map(i => Math.round(i.getBoundingClientRect().top))).size,
        new Set([...row.querySelectorAll("img")].map(i => Math.round(i.getBoundingClientRect().width))).size,
        row.scrollWidth <= row.clientWidth, getComputedStyle(row.querySelector("img")).objectFit,
    ]), document.documentElement.scrollWidth <= window.innerWidth"""
    for width in (1000, 1400):
        rows, fits, faults = json.loads(
            unescape(evaluate_in_browser(sheet, tmp_path / "profile", layout, width=width))
        )
        assert rows == [[1, 1, True, "none"]] * 2 and fits and faults == [], (width, rows)


def test_the_command(workspace: MakeWorkspace) -> None:
    root = workspace(images=6)
    outcome = photostat("proof", "--sample", "4", "--quality", "92,60", "--json", workspace=root)
    document = outcome.json
    assert document["page"] == str(root / "proof.html")
    assert len(document["images"]) == 4
    for image in document["images"]:
        low, high = image["candidates"]
        assert (low["quality"], high["quality"]) == (60, 92)
        assert low["jpeg_bytes"] < high["jpeg_bytes"]
        assert low["psnr"] < high["psnr"]
    page = Page((root / "proof.html").read_text(encoding="utf-8"))
    assert "4 images of 6, drawn at random (seed 1), at JPEG quality 60, 92." in page.text
    again = photostat("proof", "--sample", "4", "--quality", "92,60", "--json", workspace=root).json
    assert [image["id"] for image in again["images"]] == [image["id"] for image in document["images"]]
    assert list((root / "scratch").iterdir()) == []
    refused = photostat("proof", "--quality", "0,92", workspace=root, expect=2)
    assert "qualities from 1 to 100" in refused.stderr


def test_a_broken_source_is_named_and_the_rest_is_shown(workspace: MakeWorkspace) -> None:
    root = workspace(images=3)
    sorted((root / "source").rglob("*.jp2"))[0].unlink()
    outcome = photostat("proof", "--quality", "92", workspace=root, expect=1)
    assert "source-missing" in outcome.stderr
    assert "Not shown" in Page((root / "proof.html").read_text(encoding="utf-8")).text


def opened(png: bytes) -> NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(png)))
