"""Cables and machines that come and go: each machine has a network namespace of its own, and its link breaks.

Whatever becomes of a host, the account is exact, no attempt counts that it did not finish, and the store is that of one
machine byte for byte.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psutil
import pytest

from engine.hosts.wire import SILENT_AFTER_S
from engine.ledger.reader import LedgerReader
from engine.workspace import Workspace
from tests.conftest import MakeWorkspace
from tests.support.engine_runs import (
    list_rows,
    scratch_contents,
    start_engine,
    start_engine_without_share,
    status,
    stored_digests,
    wait_for_end,
)
from tests.support.host_processes import (
    HostProcess,
    listening,
    messages,
    stop_in_the_middle,
    there,
    wait_for_hosts,
)
from tests.support.networks import Link, Machine, Network
from tests.support.waiting import wait_until

IMAGES = 16
SIZE = {"width": 300, "height": 240}


class Site:
    """An engine and hosts, each in a namespace; all of them are in the middle of an image."""

    def __init__(self, workspace: MakeWorkspace, network: Network, hosts: list[HostProcess]) -> None:
        self.calm = workspace(images=IMAGES, name="calm", **SIZE)
        start_engine(self.calm)  # it runs beside what follows
        self.root = workspace(images=IMAGES, name="cluster", settings=listening(network.listen), **SIZE)
        self.network = network
        self.engine = start_engine_without_share(self.root, "--workers", "1", inside=network.engine.inside)
        self.links: dict[str, Link] = {}
        self.hosts: dict[str, HostProcess] = {}
        self._started = hosts
        self.busy: dict[str, dict[str, Any]] = {}

    def start(self, name: str, link: Link | None = None) -> HostProcess:
        self.links[name] = link or self.network.add()
        host = HostProcess(self.root, name, through=self.links[name].machine.inside)
        self.hosts[name] = host
        self._started.append(host)
        return host

    def stop_in_the_middle(self) -> None:
        wait_for_hosts(self.root, *self.hosts)
        self.busy = stop_in_the_middle(self.root, "here", *self.hosts)

    @property
    def there(self) -> set[str]:
        return there(self.root) - {"here"}

    def go_on(self, *names: str) -> None:
        for name in names or self.busy:
            with suppress(ProcessLookupError):
                os.kill(self.busy[name]["pid"], signal.SIGCONT)

    def finish(self) -> None:
        """The rest is converted; nothing was lost, nothing was counted, nothing is left anywhere."""
        self.go_on()
        end = wait_for_end(self.root)
        assert (end["totals"]["done"], end["totals"]["failed"]) == (IMAGES, 0)
        assert {row["attempts"] for row in list_rows(self.root)} == {1}
        wait_for_end(self.calm)
        assert stored_digests(self.root) == stored_digests(self.calm)
        assert scratch_contents(self.root) == []
        for name, host in self.hosts.items():
            assert host.end() == 0, host.said
            assert host.scratch == [], name
        with LedgerReader(Workspace(self.root)) as reader:
            stored = [event for event in reader.events(limit=1000) if event.kind == "stored"]
        assert len({event.image_id for event in stored}) == len(stored) == IMAGES


@pytest.fixture
def site(workspace: MakeWorkspace, network: Network, hosts: list[HostProcess]) -> Site:
    return Site(workspace, network, hosts)


def retransmits(link: Link) -> Callable[[], bool]:
    """Whether the machine has sent something again, because nothing has answered."""
    return lambda: "backoff:" in link.machine.run("ss", "-tin")


def has_no_children(host: HostProcess) -> bool:
    return not psutil.Process(host.process.pid).children()


def listens(machine: Machine) -> list[str]:
    """The addresses and ports there at which somebody listens, but for its loopback."""
    listed = [line.split()[3] for line in machine.run("ss", "-tlnH").splitlines()]
    return [one for one in listed if not one.startswith("127.0.0.1:")]


def test_a_link_that_is_down_for_a_moment_costs_nothing(site: Site) -> None:
    site.start("b")
    site.stop_in_the_middle()
    assert listens(site.network.engine) == [site.network.listen.removeprefix("tls://")]
    assert listens(site.links["b"].machine) == [], "one port is open, the engine's"
    for is_down, is_up in ((Link.pull, Link.plug_in), (Link.drop, Link.drop_nothing)):
        is_down(site.links["b"])
        site.go_on("here")
        wait_until(retransmits(site.links["b"]), "a packet that is lost")
        is_up(site.links["b"])
    site.finish()
    assert messages(site.root).count("b: has joined with 1 worker") == 1


@pytest.mark.soak
def test_hosts_that_nobody_hears_are_let_go_and_come_back_when_they_are_heard_again(site: Site) -> None:
    late = site.network.add()
    late.drop()
    site.start("late", late)  # nothing answers its SYN
    for name in ("cut", "deaf", "asleep", "mute"):
        site.start(name)
    wait_until(lambda: "no engine answers at" in site.hosts["late"].said, "what it says")
    late.drop_nothing()
    site.stop_in_the_middle()
    lost = site.busy.keys() - {"here", "late"}
    site.links["cut"].pull()
    site.links["deaf"].drop()
    site.hosts["asleep"].suspend()
    psutil.Process(site.hosts["mute"].process.pid).suspend()  # its children go on
    site.go_on("mute")
    wait_until(lambda: site.there == {"late"}, "the loss of the others")
    for name in lost:
        assert f"{name}: no sign of life for {SILENT_AFTER_S:.0f} s" in " ".join(messages(site.root))
    rows = {row["id"]: row for row in list_rows(site.root)}
    assert {rows[site.busy[name]["image_id"]]["attempts"] for name in lost} == {0}
    for name in ("cut", "deaf"):
        wait_until(partial(has_no_children, site.hosts[name]), "the end of its children")
    site.go_on("here")  # others convert what they had
    wait_until(lambda: status(site.root)["totals"]["in_flight"] <= 1, "all but what the last one has")
    site.links["cut"].plug_in()
    site.links["deaf"].drop_nothing()
    site.hosts["asleep"].resume()
    psutil.Process(site.hosts["mute"].process.pid).resume()
    wait_for_hosts(site.root, *site.hosts)
    site.finish()


@pytest.mark.soak
def test_a_scheduler_that_answers_no_more_is_replaced_and_a_suspended_engine_goes_on(site: Site) -> None:
    host = site.start("b")
    site.stop_in_the_middle()
    engine = psutil.Process(site.engine)
    scheduler = next(one for one in engine.children() if one.cmdline()[-1] == "photostat-scheduler")
    scheduler.suspend()
    wait_until(lambda: any("does not answer any more" in told for told in messages(site.root)), "the event")
    wait_for_hosts(site.root)
    wait_for_hosts(site.root, "b")  # at the new one
    assert not scheduler.is_running()
    engine.suspend()
    wait_until(lambda: host.said.count("the connection is over") == 2, "the host to give up")
    wait_until(lambda: has_no_children(host), "the end of its children")
    engine.resume()
    wait_until(lambda: host.said.count("joined as b") == 3, "the host to join again")
    wait_for_hosts(site.root, "b")
    site.finish()
