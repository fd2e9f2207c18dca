"""The machines of a run as the app shows them: whether there are several, and what each does."""

from __future__ import annotations

from msgspec import UNSET

from engine import formatting
from engine.control.snapshot import HostSnapshot, Snapshot, State

HERE = "here"
"""The engine's own machine."""


def can_join(snapshot: Snapshot | None) -> bool:
    """Whether the engine lets other machines in."""
    return snapshot is not None and snapshot.hosts is not UNSET


def hosts_of(snapshot: Snapshot | None) -> tuple[HostSnapshot, ...]:
    """All machines of the run, the engine's own first; empty if no other one can join."""
    return () if snapshot is None or snapshot.hosts is UNSET else snapshot.hosts


def several_hosts(snapshot: Snapshot | None) -> tuple[HostSnapshot, ...]:
    """All machines of the run; empty while the engine's own is the only one, which is shown as if it were alone."""
    hosts = hosts_of(snapshot)
    return () if [host.name for host in hosts] == [HERE] else hosts


def is_away(host: HostSnapshot) -> bool:
    """Whether nothing is known of it any more: its figures are old."""
    return host.state.value == "lost"


def rate_now(host: HostSnapshot, state: State) -> float:
    """Images a second at this moment: none, once a pause or hold has left nothing in flight."""
    rests = host.hold is not None or state in (State.PAUSED, State.HOLDING)
    return 0.0 if is_away(host) or (rests and not host.busy) else host.rates.images_per_s


def hosts_that_need_you(snapshot: Snapshot) -> str:
    """What keeps single hosts from working while the run goes on; empty if nothing does."""
    hosts = several_hosts(snapshot)
    held = [host for host in hosts if host.hold is not None]
    lost = [host.name for host in hosts if is_away(host)]
    parts = []
    if len(held) == 1 and held[0].hold is not None:
        parts.append(f"{held[0].name} holds: {held[0].hold.detail.rstrip('.')}.")
    elif held:
        parts.append(f"{_names(held)} hold.")
    if lost:
        is_gone = "is lost" if len(lost) == 1 else "are lost"
        parts.append(f"{_few(lost)} {is_gone}.")
    if parts:
        parts.append("The others go on; h shows a host.")
    return " ".join(parts)


def _names(hosts: list[HostSnapshot]) -> str:
    return _few([host.name for host in hosts])


def _few(names: list[str]) -> str:
    """`a, b and 12 more hosts`."""
    if len(names) <= 3:
        return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{', '.join(names[:2])} and {formatting.counted(len(names) - 2, 'more host', 'more hosts')}"
