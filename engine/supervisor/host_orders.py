"""What people order about single hosts: how many workers one has, that one leaves, or is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from engine.config.cluster_extra import CONVERTS_NOTHING_HERE
from engine.control.requests import HostReply
from engine.failures import UserError, one_line
from engine.hosts.base import HERE
from engine.hosts.invitations import Authority
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext
from engine.supervisor.crew import Crew
from engine.supervisor.crews import Crews

if TYPE_CHECKING:
    from engine.hosts.remote import RemoteHost

FORGOTTEN = "its invitation was withdrawn: `photostat hosts forget`"
_OWN = f"{HERE} is the engine's own machine"
_NO_CLUSTER = f"there is no other host than {HERE}: none can join without [cluster] in photostat.toml"


class HostOrders:
    def __init__(self, run: RunContext, crews: Crews) -> None:
        self._run = run
        self._crews = crews
        self._forgotten: set[str] = set()
        self._workers: dict[str, int] = {}
        """What people have ordered in this run, by host; it counts for one that goes and comes back."""

    # -- for people ----

    def want_workers(self, name: str, count: int) -> tuple[int, int]:
        """From now on so many on this host, or as many as memory allows there; returns how many before and now."""
        crew = self._crew(name)
        if name == HERE and not self._run.config.cluster.here:
            raise UserError(CONVERTS_NOTHING_HERE)
        if crew.leaving is not None:
            raise UserError(
                f"{name} leaves ({crew.leaving}), and starts nothing: order its workers when it is back"
            )
        before = crew.converting.pool.wanted
        self._workers[name] = count
        return before, crew.want_workers(count)

    def drain(self, name: str, by: str) -> HostReply:
        """It finishes what it has, gets nothing new, and leaves. Raises UserError for a host that is not there."""
        if name == HERE:
            raise UserError(
                f"{_OWN}, which stays: `photostat drain` ends the run; with here = false under [cluster] it converts "
                "nothing"
            )
        crew = self._crew(name)
        is_new = crew.leaving is None
        if is_new:
            self._let_leave(crew, f"drained by {by}")
        return _reply(crew, changed=is_new)

    def forget(self, name: str, by: str) -> HostReply:
        """Its invitation is void, and if it is there, it is let go at once. Raises UserError for an unknown host."""
        if name == HERE:
            raise UserError(f"{_OWN}: it cannot be forgotten")
        if not self._run.config.cluster.lets_others_join:
            raise UserError(_NO_CLUSTER)
        is_new = Authority(self._run.workspace.cluster_dir).withdraw(name)
        self._forgotten.add(name)
        self._crews.seen.forget(name)
        scheduler = self._run.config.cluster.scheduler
        void = (
            "its certificates are the cluster's, and still hold there"
            if scheduler
            else "its invitation is void"
        )
        what = f"forgotten by {by}: {void}"
        crew, (waiting, _) = self._find(name), self._crews.absent.waiting_for(name)
        reply = HostReply(host=name, changed=is_new, is_there=False, in_flight=0, waiting=waiting)
        if crew is not None:
            reply = _reply(crew, changed=True)
            from engine.hosts.remote import RemoteHost  # not loaded while no other machine is there

            host = crew.context.host
            assert isinstance(host, RemoteHost)
            host.refuse(f"{what}. `photostat host invite {name}` in the workspace invites it anew")
            host.lost, host.has_left = what, True
        elif is_new:
            self._run.events.warning(EventKind.ENGINE, f"{name}: {what}")
        return structs.replace(reply, still_connects_to=scheduler)

    # -- in every turn ----

    def forget_absent(self) -> None:
        """What waits for a host that was forgotten starts again."""
        while self._forgotten:
            self._crews.absent.forget(self._forgotten.pop())

    def is_forgotten(self, name: str) -> bool:
        return Authority(self._run.workspace.cluster_dir).invited.is_withdrawn(name)

    def workers_of(self, name: str, own: int) -> int:
        """How many a host gets that joins with so many of its own."""
        return self._workers.get(name, own)

    def look(self, crew: Crew, host: RemoteHost) -> None:
        """Let those leave that want to, or are to, when they have nothing any more."""
        if crew.leaving is None and host.wants_to_leave is not None:
            self._let_leave(crew, host.wants_to_leave)
        if crew.leaving is not None and not crew.is_busy:
            host.part(crew.leaving)

    def _let_leave(self, crew: Crew, why: str) -> None:
        self._crews.drain(crew, why)
        crew.context.events.info(EventKind.ENGINE, f"{why}: finishing what it has, then leaving")

    def _crew(self, name: str) -> Crew:
        """Raises UserError for a host that is not there now."""
        crew = self._find(name)
        if crew is not None:
            return crew
        if not self._run.config.cluster.lets_others_join:
            raise UserError(f"{_NO_CLUSTER}; {one_line(name)!r} is not there")
        Authority(self._run.workspace.cluster_dir).invited.check_known(name)
        if self.is_forgotten(name):
            raise UserError(f"{name} was forgotten: `photostat host invite {name}` invites it anew")
        there = ", ".join(each.context.host.name or HERE for each in self._crews.machines)
        raise UserError(f"host {name} is not there now; {f'these are: {there}' if there else 'none is'}")

    def _find(self, name: str) -> Crew | None:
        return next((crew for crew in self._crews if (crew.context.host.name or HERE) == name), None)


def _reply(crew: Crew, *, changed: bool) -> HostReply:
    name = crew.context.host.name
    return HostReply(
        host=name,
        changed=changed,
        in_flight=crew.converting.in_flight,
        waiting=crew.storing.on_scratch,
        is_there=True,
    )
