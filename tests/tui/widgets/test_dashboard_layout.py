"""Every panel of the dashboard has its own region at every size of the terminal."""

from __future__ import annotations

import pytest
from textual.geometry import Region

from tui.widgets.dashboard_layout import PanelRows, arrange

SIZES = [(60, 20), (80, 24), (100, 30), (115, 30), (116, 30), (120, 40), (200, 60), (60, 60), (200, 20)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "wanted",
    [
        PanelRows(0, 0, 0),
        PanelRows(1, 1, 0),
        PanelRows(8, 3, 3),
        PanelRows(64, 40, 17),
        PanelRows(0, 3, 3, 5, 14),
        PanelRows(8, 3, 3, gpus=4),
        PanelRows(64, 40, 17, gpus=32),
    ],
)
def test_panels_do_not_overlap_or_leave_the_screen(size: tuple[int, int], wanted: PanelRows) -> None:
    width, height = size
    regions = arrange(width, height, wanted)
    taken: set[tuple[int, int]] = set()
    for region in regions.values():
        cells = {(x, y) for x in range(region.x, region.right) for y in range(region.y, region.bottom)}
        assert not cells & taken
        taken |= cells
    assert all(0 <= x < width and 0 <= y < height for x, y in taken)


def test_eight_workers_fit_on_80x24_with_everything_else() -> None:
    regions = {section.value: region for section, region in arrange(80, 22, PanelRows(8, 3, 3)).items()}
    assert regions["workers"].height == 9
    assert regions["memory"].height == regions["throughput"].height == 4
    assert regions["batches"].height >= 2
    assert regions["failures"].height >= 2


def test_events_go_to_the_right_when_the_left_side_needs_all_rows_and_curves_grow_on_a_tall_terminal() -> (
    None
):
    regions = {panel.value: region for panel, region in arrange(200, 58, PanelRows(64, 3, 3, 3)).items()}
    assert regions["events"].x == regions["memory"].x and regions["events"].height >= 20
    assert regions["workers"].height >= 40
    few = {panel.value: region for panel, region in arrange(200, 58, PanelRows(8, 3, 3, 3)).items()}
    assert few["events"].x == 0 and few["events"].height >= 20
    assert few["memory"].height > regions_of_a_low_terminal()["memory"].height


def regions_of_a_low_terminal() -> dict[str, Region]:
    return {panel.value: region for panel, region in arrange(200, 40, PanelRows(8, 3, 3, 3)).items()}
