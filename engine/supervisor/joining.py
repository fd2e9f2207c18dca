"""Other machines that convert for this run: they are let in, get a crew, and are let go."""

from __future__ import annotations

from msgspec import structs

from engine.config.cluster_extra import missing_extra
from engine.control.snapshot import HoldReason
from engine.conversion.specimens import Conversions
from engine.failures import UserError
from engine.formatting import clock_apart, counted
from engine.hosts.cluster import Cluster
from engine.hosts.credentials import Admission
from engine.hosts.examination import NOTHING_CONVERTED, Examination
from engine.hosts.invited import Invited
from engine.hosts.latest import Latest
from engine.hosts.meeting import ExistingScheduler, OwnScheduler
from engine.hosts.remote import RemoteHost
from engine.hosts.ssh import SshHosts
from engine.hosts.wire import Greet
from engine.ledger.known_store import known_store
from engine.ledger.states import EventKind
from engine.messages import Concerns
from engine.processes.examiner import ConvertSpecimens
from engine.store.open import local_path
from engine.supervisor.context import HostContext, RunContext
from engine.supervisor.crew import Crew
from engine.supervisor.crews import Crews
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.host_orders import FORGOTTEN, HostOrders
from engine.supervisor.likeness import Likeness
from engine.supervisor.share_comparison import ShareComparison

_SPECIMENS_AGAIN_AFTER_S = 30.0
_LOOKS_EVERY_S = 0.25
_MOST_CLOCKS = 1000


class Joining:
    def __init__(self, run: RunContext, crews: Crews, orders: HostOrders) -> None:
        """Raises UserError if the extra is not installed."""
        if why := missing_extra():
            raise UserError(f"[cluster] {why}, or take the section out of photostat.toml")
        self._run = run
        self._crews = crews
        self._orders = orders
        self._specimens: Conversions | None = None
        """What this machine makes of them; None until that is known."""
        self._converting: Examination | None = None
        self._convert_at = 0.0
        self._no_specimens = ""
        """Why nothing has come of them, as it was told."""
        self._look_at_all = 0.0
        self._comparison = ShareComparison(run, self._others)
        self._other_clocks = Latest(_MOST_CLOCKS)
        """Hosts whose clocks are known to be wrong, by their incarnation."""
        settings, admission = run.config.cluster, Admission(run.workspace, run.config)
        credentials = admission.engine()
        own = OwnScheduler(settings.listen, credentials, run.children)
        self._cluster = Cluster(
            ExistingScheduler(settings.scheduler) if settings.scheduler else own,
            credentials,
            admission.topic,
            self._greeting,
            run.events,
            run.wake_up.set,
        )
        self._over_ssh = SshHosts(
            settings.hosts,
            settings.command,
            lambda name: admission.invite_over_ssh(name).text(),
            self._has_joined,
            run.events,
            Invited(run.workspace.cluster_dir).is_withdrawn,
        )

    async def open(self) -> None:
        """Raises UserError if nobody can connect."""
        await self._cluster.open()

    def look(self, now: float, *, may_read_sources: bool) -> None:
        """In every turn, before anything is taken from the hosts: who has come, and who is gone."""
        self._look_at_specimens(now)
        self._cluster.look(now)
        self._orders.forget_absent()
        for host in self._cluster.arrivals():
            self._let_in(host)
        if now >= self._look_at_all:
            self._look_at_all = now + _LOOKS_EVERY_S
            for crew, host in self._others():
                self._look_at(crew, host, now)
                self._orders.look(crew, host)
            self._comparison.look(now, may_begin=may_read_sources)
            self._over_ssh.look(now)

    def flush(self) -> None:
        """After every turn: what it has brought about goes to the hosts."""
        self._cluster.flush()

    async def close(self) -> None:
        for examination in (self._comparison, self._converting):
            if examination is not None:
                examination.close()
        self._over_ssh.end_inputs()
        await self._cluster.close()
        await self._over_ssh.close()

    def _has_joined(self, name: str) -> bool:
        return any(host.name == name for _, host in self._others())

    def _others(self) -> list[tuple[Crew, RemoteHost]]:
        return [
            (crew, host)
            for crew in self._crews
            if isinstance(host := crew.context.host, RemoteHost) and host.lost is None
        ]

    def _let_in(self, host: RemoteHost) -> None:
        if self._orders.is_forgotten(host.name):  # at a scheduler of others, which knows nothing of it
            host.refuse(FORGOTTEN)
            host.lost = FORGOTTEN
            return
        holds = HostHolds(
            self._run.config.engine.scratch_limit,
            self._run.config.store.bandwidth_limit,
            likeness=Likeness(),
        )
        wanted = self._orders.workers_of(host.name, host.hello.workers)
        crew = self._crews.join(HostContext(self._run, host, holds), wanted)
        assert host.joined is not None
        kept = self._crews.is_back(crew, host.joined.jpegs)
        host.keep(kept)
        workers = crew.want_workers(wanted)
        there = f"; {counted(len(kept), 'JPEG')} still on its scratch: stored now" if kept else ""
        crew.context.events.info(EventKind.ENGINE, f"has joined with {counted(workers, 'worker')}{there}")

    def _look_at(self, crew: Crew, host: RemoteHost, now: float) -> None:
        """What it says of itself, and what its people are told."""
        likeness, events, gpus = crew.holds.likeness, crew.context.events, crew.context.gpus
        gpus.look(now)
        unable = host.unable or gpus.fatal_problem
        if likeness is not None and likeness.can_convert(unable, now):
            if unable is not None:
                events.warning(EventKind.HOLD, unable)
            else:
                events.info(EventKind.END_OF_HOLD, "can convert now")
        hold = crew.holds.hold(now)
        if hold is None:
            host.tell("")
        elif hold.reason is not HoldReason.MEMORY:  # which comes and goes, and has figures that change
            host.tell(hold.detail)
        self._look_at_clock(crew, host)

    def _look_at_clock(self, crew: Crew, host: RemoteHost) -> None:
        apart = clock_apart(host.clock_ahead_s)
        if not apart or host.incarnation in self._other_clocks:
            return
        self._other_clocks.add(host.incarnation)
        crew.context.events.warning(
            EventKind.ENGINE,
            f"its clock is {apart}, by the engine's: it converts all the same, but a store "
            "may refuse it, and its logs have other times. Set the clocks by a time server (NTP)",
        )

    def _greeting(self) -> Greet | None:
        run = self._run
        if self._specimens is None:
            return None
        store, root = run.config.store, run.workspace.root
        if store.url.startswith("file:"):  # ~ is another directory there
            store = structs.replace(store, url=f"file:{local_path(store, root).absolute()}")
        owner = known_store(run.ledger, root).owner
        return Greet(store, root, run.ledger.identity, owner, self._specimens)

    def _look_at_specimens(self, now: float) -> None:
        """What is to come of them everywhere."""
        if self._specimens is not None:
            return
        if self._converting is None:
            if now >= self._convert_at and self._run.scratch.make_directory() is None:
                question = ConvertSpecimens(self._run.scratch.own)
                self._converting = Examination(
                    self._run.children, question, Concerns.CODECS, NOTHING_CONVERTED
                )
            return
        answer = self._converting.answer(now)
        if answer is None:
            return
        self._converting.close()
        self._converting = None
        if isinstance(answer, Conversions):
            self._specimens = answer
            return
        self._convert_at = now + _SPECIMENS_AGAIN_AFTER_S
        if answer.why != self._no_specimens:
            self._no_specimens = answer.why
            self._run.events.warning(EventKind.ENGINE, f"no host can join yet: {answer.why}")
