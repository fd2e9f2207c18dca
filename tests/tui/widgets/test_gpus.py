"""The panel of GPUs: as much of it as there is room for, and none where there is no GPU."""

from __future__ import annotations

from msgspec import structs

from tests.support.statuses import NOW, engine_status, running, with_gpu
from tui.state.gpus import gpus_of
from tui.state.view import View
from tui.widgets.gpus import Gpus, gpu_rows


def drawn(columns: int, rows: int) -> list[str]:
    view = View(status=engine_status(with_gpu()), now=NOW)
    return [text.plain for text in Gpus().draw(view, columns, rows)]


def test_as_much_is_told_as_there_is_room_for() -> None:
    high = drawn(60, 9)
    assert high[0].startswith("GPUs 642 left to the cores")
    assert [row.split()[0] for row in high[1:]] == ["NVIDIA", "busy", "memory", "Mpx/s", "NVIDIA"]
    assert high[1] == "NVIDIA H200 0  94 %  612 Mpx/s  15.0G of 140G  81,204 images"
    assert high[5].startswith("NVIDIA H200 1  not used any more: its process was killed")
    assert max(map(len, high)) <= 60
    low = drawn(38, 3)
    assert len(low) == 3
    assert low[1].startswith("NVIDIA H200 0  94 %")


def test_there_is_no_panel_without_a_gpu() -> None:
    assert gpu_rows(running()) == 0
    assert gpu_rows(with_gpu()) == 8
    of_process = structs.replace(gpus_of(with_gpu())[0], utilisation=None, memory=None, memory_total=None)
    snapshot = structs.replace(running(), gpus=(of_process,))
    view = View(status=engine_status(snapshot), now=NOW)
    rows = [text.plain for text in Gpus().draw(view, 60, 9)]
    assert "91 %" in rows[1], "where the driver says nothing, the process does"
    assert [row.split()[0] for row in rows[2:]] == ["busy", "Mpx/s"]
