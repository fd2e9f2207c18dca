"""The machines that convert, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control.snapshot import HostSnapshot
from engine.formatting import clock_apart, integer, memory_size, per_minute
from tui.commands.shared.output import print_line, print_table


def print_hosts(hosts: Sequence[HostSnapshot], *, indent: int = 0) -> None:
    """A row a host, and below it what keeps a host from working."""
    print_table(
        ["host", "state", "busy", "workers", "images/min", "free for images", "to be stored", "cores"],
        [
            [
                host.name,
                host.state,
                integer(host.busy),
                integer(host.workers),
                per_minute(host.rates.images_per_s),
                memory_size(max(0, host.memory.headroom)),
                integer(host.waiting),
                integer(host.cores),
            ]
            for host in hosts
        ],
        right=["busy", "workers", "images/min", "free for images", "to be stored", "cores"],
        indent=indent,
    )
    for host in hosts:
        if host.hold is not None:
            print_line(f"{host.name} holds for {host.hold.reason}: {host.hold.detail}")
        if apart := clock_apart(host.clock_ahead_seconds):
            print_line(
                f"{host.name}'s clock is {apart}, by the engine's: set the clocks by a time server (NTP)."
            )
