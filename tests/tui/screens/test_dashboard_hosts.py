"""The dashboard of a run on several machines: their workers under them, folded or not, and their memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec import structs

from engine.control.requests import Skip
from engine.control.snapshot import Snapshot
from tests.support.app_pilot import AppSession, opened
from tests.support.cluster_statuses import SHARE_AWAY, host, lost, many_hosts, on_hosts, three_hosts
from tests.support.statuses import NOW, engine_status, running
from tui.screens.image_detail import ImageDetail
from tui.widgets.memory import Memory
from tui.widgets.panel import Panel
from tui.widgets.workers import Workers

TO_THE_WORKERS = "shift+tab"


def lines(session: AppSession, panel: type[Panel] = Workers) -> list[str]:
    return [strip.text.rstrip() for strip in session.app.screen.query_one(panel)._painted[1:]]


def rows(session: AppSession) -> list[str]:
    """`▾ conv2` for a host, `3` for a worker."""
    return [" ".join(text.split()[: 2 if text[0] in "▸▾" else 1]) for text in lines(session) if text.strip()]


async def show(session: AppSession, snapshot: Snapshot) -> None:
    session.poller.show(engine_status(snapshot))
    await session.settle()


THREE = engine_status(three_hosts())
TWO = on_hosts(host("here", 2), host("conv2", 3, number=1))


async def test_workers_are_under_their_host_which_folds_them(root: Path) -> None:
    unfolded = ["▾ here", "1", "2", "▾ conv2", "1", "2", "3"]
    async with opened(root, engine_status(TWO), size=(120, 40)) as session:
        assert rows(session) == unfolded
        await session.press(TO_THE_WORKERS)
        for fold, unfold in (("space", "space"), ("enter", "enter"), ("left", "right")):
            await session.press("home", fold)
            assert rows(session) == ["▸ here", "▾ conv2", "1", "2", "3"]
            await session.press(unfold)
            assert rows(session) == unfolded
        await session.press("end", "space", "x")  # from a worker its host is folded, and has the cursor
        assert rows(session) == ["▾ here", "1", "2", "▸ conv2"]
        assert session.sent == [] and "conv2 is a host" in session.message


async def test_keys_of_a_worker_are_about_that_worker_of_that_host(root: Path) -> None:
    async with opened(root, engine_status(TWO), size=(120, 40)) as session:
        await session.press(TO_THE_WORKERS, "end", "up", "x")
        assert "Skip image 1003," in session.text and "Worker conv2/2 has had it" in session.text
        await session.press("y")
        assert session.sent == [Skip(1003, NOW - 180, False)]
        await session.press("X", "y", "enter")
        assert session.sent[1:] == [Skip(1003, NOW - 180, True)]
        assert isinstance(session.app.screen, ImageDetail) and session.app.screen.image_id == 1003


async def test_when_a_worker_goes_its_host_has_the_cursor_and_no_other_worker(root: Path) -> None:
    async with opened(root, engine_status(TWO), size=(120, 40)) as session:
        await session.press(TO_THE_WORKERS, "end")
        await show(session, structs.replace(TWO, workers=TWO.workers[:-1]))
        assert session.app.screen.query_one(Workers).current == "conv2/"
        await session.press("x")
        assert session.sent == [] and "conv2 is a host" in session.message
        await show(session, on_hosts(host("here", 2), host("other", 1)))
        await session.press("x")
        assert session.sent == [] and "here is a host" in session.message


async def test_what_does_not_fit_is_folded_unless_a_person_has_unfolded_it(root: Path) -> None:
    larger = on_hosts(host("here", 12), host("conv2", 3, number=1))
    all_of_here = ["▾ here", *map(str, range(1, 13))]
    async with opened(root, engine_status(larger), size=(80, 24)) as session:
        assert rows(session) == ["▸ here", "▸ conv2"]
        await session.press(TO_THE_WORKERS, "down", "space")
        assert rows(session) == ["▸ here", "▾ conv2", "1", "2", "3"]
        await session.pilot.resize_terminal(120, 50)
        await session.settle()
        assert rows(session) == [*all_of_here, "▾ conv2", "1", "2", "3"]
        await session.press("home", "space")
        assert rows(session) == ["▸ here", "▾ conv2", "1", "2", "3"]


async def test_a_long_list_says_of_which_host_it_shows_workers(root: Path) -> None:
    async with opened(root, engine_status(many_hosts()), size=(80, 24)) as session:
        assert all(row.startswith("▸") for row in rows(session))
        await session.press(TO_THE_WORKERS, *["down"] * 9, "space", *["down"] * 12)
        assert rows(session)[0] == "▾ conv09" and rows(session)[-1] == "12"
        await session.press("space", "space")  # its workers come into sight with it
        assert rows(session)[:3] == ["▾ conv09", "1", "2"]
        await session.press("end")
        assert rows(session)[-1] == "▸ conv63"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_each_host_has_a_bar_of_its_memory(root: Path, size: tuple[int, int]) -> None:
    async with opened(root, engine_status(three_hosts()), size=size) as session:
        names = [text.split()[0] for text in lines(session, Memory) if text]
        assert names[:3] == ["here", "conv2", "reading-room-4"]
        assert all("█" in text and "░" in text for text in lines(session, Memory)[:2])
        assert [text.split()[-1] for text in lines(session, Memory)[:3]] == ["16.2G", "23.6G", "lost"]


async def test_of_many_hosts_those_around_the_cursor_have_their_bars(root: Path) -> None:
    async with opened(root, engine_status(many_hosts()), size=(80, 24)) as session:
        panel = session.app.screen.query_one(Memory)
        assert lines(session, Memory)[0].startswith("here ")
        assert "1–3 of 64, least: here 16.2G" in panel._painted[0].text
        await session.press(TO_THE_WORKERS, *["down"] * 20)
        assert "conv20" in lines(session, Memory)[1]


async def test_the_headline_counts_all_hosts(root: Path) -> None:
    async with opened(root, engine_status(three_hosts()), size=(120, 40)) as session:
        assert "Workers 2 of 3 hosts, 4 of 7 at work" in session.text
        assert f"conv2 holds: {SHARE_AWAY}" in " ".join(session.message.split())
        assert "The others go on" in session.message


@pytest.mark.parametrize(
    "snapshot",
    [three_hosts(), many_hosts(9, 3), on_hosts(host("here", 2, 1), host("a", 3, 2), lost("b"), lost("c"))],
)
async def test_the_headline_is_the_sum_of_what_status_says(root: Path, snapshot: Snapshot) -> None:
    document = snapshot.to_json()
    hosts = document["hosts"]
    busy, workers = (sum(one[key] for one in hosts) for key in ("busy", "workers"))
    at_work = sum(worker["image_id"] is not None for worker in document["workers"])
    there = sum(one["gone"] is None for one in hosts)
    of_hosts = f"{len(hosts)} hosts" if there == len(hosts) else f"{there} of {len(hosts)} hosts"
    async with opened(root, engine_status(snapshot), size=(200, 60)) as session:
        assert f"Workers {of_hosts}, {busy} of {workers} at work" in session.text and busy == at_work
        assert f"{document['rates']['images_per_s'] * 60:.1f} images/min" in session.text
        for one in hosts:
            of_it = f"{one['busy']}/{one['workers']} busy"
            assert one["gone"] or any(one["name"] in row and of_it in row for row in lines(session)), one


async def test_a_host_that_was_lost_says_when_and_what_becomes_of_its_images(root: Path) -> None:
    at = time.strftime("%H:%M", time.localtime(NOW - 20))
    wide = f"reading-room-4  ╳ lost {at}        4 images to others, 2 JPEGs wait"
    async with opened(root, THREE, size=(120, 40)) as session:
        assert wide in session.text
        await session.press(TO_THE_WORKERS, "end", "x")
        assert session.sent == [] and "reading-room-4 is not there" in session.message
        await session.press("home", "p", "end", "enter")
        assert wide in session.text and "h shows what is known of it" in session.message
    async with opened(root, THREE, size=(80, 24)) as session:
        assert f"reading-room-4  ╳ lost {at}" in session.text


async def test_a_machine_that_is_alone_looks_as_if_no_other_one_could_join(root: Path) -> None:
    texts = []
    for snapshot in (running(), structs.replace(running(), hosts=(host("here", 8),))):
        async with opened(root, engine_status(snapshot), size=(120, 40)) as session:
            await session.press(TO_THE_WORKERS, "end", "x", "n")
            texts.append(
                [strip.text for panel in session.app.screen.query(Panel) for strip in panel._painted]
            )
    assert texts[0] == texts[1]
