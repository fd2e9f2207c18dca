"""Two pictures side by side are as large as each other, and one alone is as large as both may cost."""

from __future__ import annotations

import asyncio

import pytest
from PIL import Image
from rich.console import Console
from textual.app import App, ComposeResult

from engine.renditions.request import NoRendition, Rendition
from tui.terminal.pictures import PictureWay, cost_bytes
from tui.widgets.pictures import PictureBlocks, Pictures, most_bytes

FAILED = NoRendition("There is none: the image has failed.")


def rendition(grain: float) -> Rendition:
    image = Image.effect_noise((240, 360), grain).convert("RGB")
    return Rendition(*image.size, image.tobytes(), 2400, 3600)


class PicturesApp(App[None]):
    CSS = "Pictures { height: 20; } .picture { width: 1fr; } PictureBlocks { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield Pictures()


async def drawn(*shown: tuple[int, Rendition | NoRendition]) -> list[Image.Image | None]:
    app = PicturesApp()
    async with app.run_test(size=(80, 24)) as pilot:
        pictures = app.query_one(Pictures)
        pictures.display = True
        await pilot.pause()
        for index, made in shown:
            pictures.show(index, made, PictureWay.BLOCKS)
            await pilot.pause()
        return [blocks._drawn() for blocks in app.query(PictureBlocks)]


@pytest.mark.parametrize("colours", ["256", "truecolor"])
def test_both_pictures_are_as_large_although_one_costs_more(
    colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "color_system", colours)
    for quiet, busy in ((0, 1), (1, 0)):
        grains = {quiet: 30.0, busy: 45.0}
        source, jpeg = asyncio.run(drawn((0, rendition(grains[0])), (1, rendition(grains[1]))))
        assert source is not None and jpeg is not None and source.size == jpeg.size
        assert cost_bytes(source, colours) + cost_bytes(jpeg, colours) <= most_bytes(80 * 24)


def test_what_failed_is_drawn_with_all_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "color_system", "truecolor")
    alone, _ = asyncio.run(drawn((1, FAILED), (0, rendition(60.0))))
    beside, _ = asyncio.run(drawn((0, rendition(60.0)), (1, rendition(60.0))))
    assert alone is not None and beside is not None
    assert most_bytes(80 * 24) // 2 < cost_bytes(alone, "truecolor") <= most_bytes(80 * 24)
    assert alone.width > beside.width


def test_without_half_blocks_both_halves_of_a_cell_are_of_one_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "color_system", "256")
    (halved, _) = asyncio.run(drawn((0, rendition(60.0))))
    monkeypatch.setattr("locale.getencoding", lambda: "ISO-8859-1")
    (whole, _) = asyncio.run(drawn((0, rendition(60.0))))
    assert halved is not None and whole is not None and whole.width >= halved.width
    below = whole.resize((whole.width, whole.height // 2), Image.Resampling.NEAREST)
    assert below.resize(whole.size, Image.Resampling.NEAREST).tobytes() == whole.tobytes()
    below = halved.resize((halved.width, halved.height // 2), Image.Resampling.NEAREST)
    assert below.resize(halved.size, Image.Resampling.NEAREST).tobytes() != halved.tobytes()
