"""The machines that convert, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control.snapshot import HostSnapshot, State
from engine.formatting import UNKNOWN, clock, clock_apart, integer, memory_size, per_minute
from engine.ledger.hosts import HostRecord, Parting
from tui.commands.shared.output import print_line, print_table
from tui.state.hosts import images_of_away, is_away, rate_now, why_away


def print_hosts(hosts: Sequence[HostSnapshot], state: State, now: float, *, indent: int = 0) -> None:
    """A row a host, and below it what keeps a host from working, or what becomes of its images. `state` is the
    engine's, `now` is Unix time, s."""
    print_table(
        ["host", "state", "busy", "workers", "images/min", "free for images", "to be stored", "cores"],
        [
            [
                host.name,
                host.state,
                *_figures(host, state),
                integer(host.waiting),
                integer(host.cores),
            ]
            for host in hosts
        ],
        right=["busy", "workers", "images/min", "free for images", "to be stored", "cores"],
        indent=indent,
    )
    for host in hosts:
        if is_away(host):
            print_line(f"{host.name} {' '.join([why_away(host, now), *images_of_away(host)])}")
        if host.hold is not None:
            print_line(f"{host.name} holds for {host.hold.reason}: {host.hold.detail}")
        if apart := clock_apart(host.clock_ahead_seconds):
            print_line(
                f"{host.name}'s clock is {apart}, by the engine's: set the clocks by a time server (NTP)."
            )


def last_seen(host: HostRecord, now: float) -> str:
    """Of a machine that is not there: `left 21:04`. `now` is Unix time, s."""
    if host.gone is None:
        return "just gone"
    word = {Parting.LOST: "lost", Parting.LEFT: "left"}.get(host.how or Parting.ENGINE_ENDED, "last seen")
    return f"{word} {clock(host.gone, now)}"


def certificates_stay(scheduler: str) -> str:
    """Of a host that meets the engine at the scheduler of others."""
    return (
        f"Its certificates are those of the cluster at {scheduler}, which photostat cannot revoke: whoever has its "
        "invitation can still connect there, and run programs on that cluster. To end that, give the cluster other "
        "certificates, name them in [cluster] tls, and invite the other hosts anew."
    )


def _figures(host: HostSnapshot, state: State) -> list[str]:
    """None of a host that is not there."""
    if is_away(host):
        return [UNKNOWN] * 4
    return [
        integer(host.busy),
        integer(host.workers),
        per_minute(rate_now(host, state)),
        memory_size(max(0, host.memory.headroom)),
    ]
