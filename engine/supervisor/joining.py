"""Other machines that convert for this run: they are let in, get a crew, and are let go."""

from __future__ import annotations

from importlib.util import find_spec

from engine.failures import UserError
from engine.formatting import counted
from engine.hosts.cluster import Cluster
from engine.hosts.invitations import Authority
from engine.hosts.remote import RemoteHost
from engine.hosts.wire import Greet, SourceCheck
from engine.ledger.states import EventKind
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.host_holds import HostHolds

_SOURCES_COMPARED = 8


class Joining:
    def __init__(self, run: RunContext, crews: Crews) -> None:
        """Raises UserError if the extra is not installed."""
        if find_spec("distributed") is None or find_spec("cryptography") is None:
            raise UserError(
                "[cluster] listen needs the extra [cluster], which is not installed: "
                "python3 -m pip install 'photostat[cluster]', or remove listen"
            )
        self._run = run
        self._crews = crews
        self._cluster = Cluster(
            run.config.cluster.listen,
            Authority(run.workspace.cluster_dir).engine(),
            self._greeting,
            run.children,
            run.events,
            run.wake_up.set,
        )

    async def open(self) -> None:
        """Raises UserError if nobody can connect."""
        await self._cluster.open()

    def look(self, now: float) -> None:
        """In every turn, before anything is taken from the hosts: who has come, and who is gone."""
        self._cluster.look(now)
        for host in self._cluster.arrivals():
            self._let_in(host)

    def flush(self) -> None:
        """After every turn: what it has brought about goes to the hosts."""
        self._cluster.flush()

    async def close(self) -> None:
        await self._cluster.close()

    def _let_in(self, host: RemoteHost) -> None:
        holds = HostHolds(self._run.config.engine.scratch_limit)
        crew = self._crews.join(HostContext(self._run, host, holds), host.hello.workers)
        workers = crew.want_workers(host.hello.workers)
        crew.context.events.info(EventKind.ENGINE, f"has joined with {counted(workers, 'worker')}")

    def _greeting(self) -> Greet:
        run = self._run
        seen = run.ledger.queue.to_convert(run.batches, _SOURCES_COMPARED)
        checks = tuple(SourceCheck(image.source, image.source_bytes) for image in seen)
        return Greet(run.config.store, run.workspace.root, run.ledger.identity, checks)
