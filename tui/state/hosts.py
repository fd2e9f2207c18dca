"""The machines of a run as the app shows them: whether there are several, and what each does."""

from __future__ import annotations

from msgspec import UNSET

from engine import formatting
from engine.control.snapshot import HostSnapshot, HostState, Snapshot, State
from engine.formatting import clock, counted, time_of_day

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
    """Whether it is not there any more: lost, or has left."""
    return host.gone is not None


def why_away(host: HostSnapshot, now: float) -> str:
    """`was lost at 21:04: no sign of life for 30 s.`; empty for one that is there. `now` is Unix time, s."""
    if host.gone is None:
        return ""
    word = "was lost" if host.state is HostState.LOST else "has left"
    return f"{word} at {clock(host.gone.since, now)}: {host.gone.why.rstrip('.')}."


def images_of_away(host: HostSnapshot) -> list[str]:
    """What becomes of the images that it had, in sentences; empty for one that is there."""
    gone, said = host.gone, []
    if gone is None:
        return []
    if gone.put_back:
        said.append(
            f"{counted(gone.put_back, 'image')} that it had not stored: others convert them, and no attempt counts."
        )
    if host.waiting and gone.waits_until is not None:
        until = time_of_day(gone.waits_until)
        jpegs = counted(host.waiting, "JPEG")
        said.append(f"{jpegs} on its scratch: stored if it is back by {until}, else others convert them.")
    return said or ["It had no image that was not stored."]


def rate_now(host: HostSnapshot, state: State) -> float:
    """Images a second at this moment: none, once a pause or hold has left nothing in flight."""
    rests = host.hold is not None or state in (State.PAUSED, State.HOLDING)
    return 0.0 if is_away(host) or (rests and not host.busy) else host.rates.images_per_s


def hosts_that_need_you(snapshot: Snapshot) -> str:
    """What keeps single hosts from working while the run goes on; empty if nothing does."""
    hosts = several_hosts(snapshot)
    held = [host for host in hosts if host.hold is not None]
    lost = [host for host in hosts if host.state is HostState.LOST]
    parts = []
    if len(held) == 1 and held[0].hold is not None:
        parts.append(f"{held[0].name} holds: {held[0].hold.detail.rstrip('.')}.")
    elif held:
        parts.append(f"{_names(held)} hold.")
    if len(lost) == 1:
        parts.append(f"{lost[0].name} {why_away(lost[0], snapshot.time)}")
    elif lost:
        parts.append(f"{_names(lost)} are lost.")
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
