"""GPUs in the app and in `status`: as much of them as there is room for, and each can be told from the others."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from engine.control.gpu_snapshot import GpuSnapshot, GpuState
from tests.support.statuses import NOW, engine_status, running, with_gpu
from tui.state.gpus import gpu_line, gpus_of
from tui.state.status import what_needs_you
from tui.state.view import View
from tui.widgets.gpus import Gpus, gpu_rows

CARD = gpus_of(with_gpu())[0]
LONG = "NVIDIA RTX 6000 Ada Generation"
HOSTS = "conv-01.digitisation.library.example", "conv-02.digitisation.library.example"


def drawn(columns: int, rows: int, gpus: Sequence[GpuSnapshot] = gpus_of(with_gpu())) -> list[str]:
    view = View(status=engine_status(structs.replace(running(), gpus=tuple(gpus))), now=NOW)
    lines = [text.plain for text in Gpus().draw(view, columns, rows)]
    assert len(lines) <= rows
    assert max(map(len, lines)) <= columns
    return lines


def eight_on_each() -> list[GpuSnapshot]:
    return [
        structs.replace(CARD, name=f"{LONG} {number}", host=host, utilisation=0.1 * number)
        for host in HOSTS
        for number in range(8)
    ]


def test_as_much_is_told_as_there_is_room_for() -> None:
    high = drawn(60, 9)
    assert high[0].startswith("GPUs 642 left to the cores")
    assert [row.split()[0] for row in high[1:]] == ["NVIDIA", "busy", "memory", "Mpx/s", "NVIDIA"]
    assert high[1] == "NVIDIA H200 0  94 %  612 Mpx/s  15.0G of 140G  81,204 images"
    assert high[5].startswith("NVIDIA H200 1  not used any more: its process was killed")
    low = drawn(38, 3)
    assert low[1].startswith("NVIDIA H200 0  94 %")
    assert low[2].startswith("NVIDIA H200 1  not used any more")
    assert drawn(60, 2)[1] == "1 of 2 at work  94 %  612 Mpx/s  15.0G of 140G"


def test_a_gpu_without_curves_has_a_bar() -> None:
    assert drawn(80, 3)[1].endswith("81,204 images  ███████████▎")


def test_of_many_gpus_all_are_told_in_one_line_and_those_in_trouble_first() -> None:
    many = eight_on_each()
    many[9] = structs.replace(many[9], state=GpuState.CLOSED, problem="its process was killed")
    assert drawn(80, 2, many) == [
        "GPUs each one: photostat status, 5,136 left to the cores " + "─" * 23,
        "15 of 16 at work  37 %  9,180 Mpx/s  225G of 2.1T  1,299,264 images",
    ]
    high = drawn(46, 4, many)
    assert high[0].startswith("GPUs 14 more not shown, 5,136 left to the c…")
    assert high[2].startswith("RTX 6000 A… 1 on conv-02…") and "not used any more" in high[2]
    assert high[3].split() == ["RTX", "6000", "A…", "0", "on", "conv-01…", "0", "%", "612", "Mpx/s"]


def test_long_names_are_cut_so_that_each_can_be_told_from_the_others() -> None:
    for columns in (34, 46, 70, 80):
        lines = drawn(columns, 17, eight_on_each())[1:]
        assert len({line.split(" %")[0].rpartition("  ")[0] for line in lines}) == 16, columns
        assert all("Mpx/s" in line for line in lines), columns
    assert drawn(46, 17, eight_on_each())[10].startswith("RTX 6000 Ada G… 1 on conv-02…  10 %  612 Mpx/s")
    alone = [structs.replace(CARD, name=f"{LONG} {number}") for number in range(2)]
    assert drawn(46, 3, alone)[1].startswith("RTX 6000 Ada Generation 0  94 %  612 Mpx/s")


def test_there_is_no_panel_without_a_gpu() -> None:
    assert gpu_rows(running()) == 0
    assert gpu_rows(with_gpu()) == 5, "what is not used any more has no curves"
    of_process = structs.replace(CARD, utilisation=None, memory=None, memory_total=None)
    rows = drawn(60, 4, [of_process])
    assert "91 %" in rows[1], "where the driver says nothing, the process does"
    assert [row.split()[0] for row in rows[2:]] == ["busy", "Mpx/s"]


def test_those_that_are_not_used_any_more_are_in_the_line_of_what_needs_you() -> None:
    card, closed = gpus_of(with_gpu())
    assert "GPU" not in what_needs_you(structs.replace(running(), gpus=(card,)))
    assert what_needs_you(with_gpu()).startswith(
        "NVIDIA H200 1 is not used any more: e says why. 477 images have failed"
    )
    both = structs.replace(running(), gpus=(card, closed, structs.replace(closed, host="b")))
    assert what_needs_you(both).startswith("2 of 3 GPUs are not used any more: e says why.")


def test_each_is_a_line_of_status() -> None:
    card = structs.replace(
        CARD, name="H200 0", host="b", utilisation=0.98, images=1204, refused={"signed samples": 12}
    )
    assert gpu_line(card) == (
        "H200 0 on b: 612 megapixels/s, 1,204 images, 98.0 % busy, 15.0 GiB of 140 GiB; "
        "12 left to the cores (signed samples 12)"
    )
    assert "91.0 % busy" in gpu_line(structs.replace(card, utilisation=None)), "as its process says"
    dead = structs.replace(card, state=GpuState.WAITING, problem="was killed by SIGSEGV")
    assert gpu_line(dead) == "H200 0 on b: starts, after its process was killed by SIGSEGV"
    closed = structs.replace(card, state=GpuState.CLOSED, problem="no driver")
    assert gpu_line(closed) == "H200 0 on b: not used any more in this run: no driver"
