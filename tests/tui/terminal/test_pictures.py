"""Pictures in a terminal: what is drawn where, what it costs, and that nothing is asked of the terminal."""

from __future__ import annotations

import pytest
from PIL import Image
from rich.color import ColorSystem

from tui.terminal.pictures import NoPicture, PictureWay, cost_bytes, fitted_cells, way_to_draw, within_budget


def way(
    colours: str | None = "256", *, no_color: bool = False, pixels: bool = True, **env: str
) -> PictureWay | NoPicture:
    return way_to_draw(env, colours, no_color=no_color, knows_pixels=pixels)


@pytest.mark.parametrize("term", ["xterm-256color", "screen-256color", "tmux-256color", "vt100", "st", ""])
def test_half_blocks_unless_the_terminal_is_known(term: str) -> None:
    assert way(TERM=term) is PictureWay.BLOCKS
    assert way(TERM="xterm-kitty") is PictureWay.KITTY and way(TERM="foot-extra") is PictureWay.SIXEL
    assert way(TERM="xterm-kitty", TMUX="/tmp/t") is way(TERM="foot", STY="1") is PictureWay.BLOCKS
    assert way(TERM="xterm-kitty", pixels=False) is PictureWay.BLOCKS


def test_what_is_asked_for_is_drawn() -> None:
    assert way(PHOTOSTAT_PICTURES="sixel", TERM="xterm") is PictureWay.SIXEL
    assert way("standard", PHOTOSTAT_PICTURES="kitty") is PictureWay.KITTY
    assert way(PHOTOSTAT_PICTURES="blocks", TERM="xterm-kitty") is PictureWay.BLOCKS


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (way(no_color=True), "NO_COLOR"),
        (way(no_color=True, PHOTOSTAT_PICTURES="kitty"), "NO_COLOR"),
        (way("standard"), "16 colours"),
        (way(None, TERM="dumb"), "16 colours or none"),
        (way(PHOTOSTAT_PICTURES="none"), "none"),
        (way(PHOTOSTAT_PICTURES="ascii"), "auto, blocks, sixel, kitty or none"),
        (way(PHOTOSTAT_PICTURES="sixel", pixels=False), "size in pixels"),
    ],
)
def test_why_there_is_no_picture_is_said(answer: PictureWay | NoPicture, words: str) -> None:
    assert isinstance(answer, NoPicture) and words in answer.why


@pytest.mark.parametrize("colours", ["256", "truecolor"])
@pytest.mark.parametrize("size", [(320, 480), (480, 90), (3, 480), (1, 1)])
def test_a_picture_costs_no_more_than_it_may(colours: str, size: tuple[int, int]) -> None:
    noise = Image.effect_noise(size, 90).convert("RGB")
    for most_bytes in (6_000, 2_000):
        lines = within_budget(noise, 39, 20, most_bytes, colours)
        assert lines and len(lines) <= 20
        assert all(sum(len(part.text) for part in line) <= 39 for line in lines)
        sent = "".join(
            part.style.render(part.text, color_system=_system(colours))
            for line in lines
            for part in line
            if part.style
        )
        assert len(sent.encode()) <= most_bytes


def _system(name: str) -> ColorSystem:
    return ColorSystem.TRUECOLOR if name == "truecolor" else ColorSystem.EIGHT_BIT


def test_what_is_even_costs_little_and_proportions_stay() -> None:
    paper = Image.new("RGB", (300, 400), (205, 190, 160))
    assert cost_bytes(paper.resize((30, 40)), "256") < 20 * (30 * 3 + 30)
    assert fitted_cells((300, 400), 40, 20) == (30, 20) and fitted_cells((10_000, 10), 40, 20) == (40, 1)
    line = within_budget(paper, 20, 9, 6000, "256")[0]
    (colour,) = {part.style.color.triplet for part in line if part.style and part.style.color}
    assert colour == (215, 215, 175), "paper is not pink"
