"""What the stages of one run share, and what those of one host do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import cached_property

from msgspec import structs

from engine.config import Config
from engine.failures import Failure
from engine.hosts.base import Host
from engine.hosts.children import Children
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.messages import NotConverted
from engine.scratch import Scratch
from engine.supervisor.engine_ledger import EngineLedger
from engine.supervisor.event_log import EventLog
from engine.supervisor.gpus import DifferingKinds, Gpus, processes_here, processes_of
from engine.supervisor.holds import Holds
from engine.supervisor.host_holds import HostHolds
from engine.supervisor.hung_images import HungImages
from engine.supervisor.set_aside import SkippedImages
from engine.workspace import Workspace


@dataclass
class RunContext:
    workspace: Workspace
    config: Config
    ledger: EngineLedger
    events: EventLog
    batches: tuple[str, ...] | None = None
    """Those of this run; None is every batch."""
    holds: Holds = field(default_factory=Holds)
    """Of the whole run; each host has its own."""
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to make the loop's next turn begin at once."""
    run_alone: set[int] = field(default_factory=set)
    """Images whose worker was killed for memory: they are tried once more, with nothing beside them."""
    skipped: SkippedImages = field(default_factory=SkippedImages)
    unwritten: str = ""
    """What the ledger does not have at the engine's end, and why; empty if it has all."""

    @cached_property
    def children(self) -> Children:
        """Of this engine, and those that an earlier one left behind."""
        return Children(self.workspace.children_path, self.events, self.wake_up)

    @cached_property
    def gpus(self) -> Gpus:
        """Of the engine's own machine."""
        settings = self.config.engine
        if not self.config.cluster.here:
            settings = structs.replace(settings, gpu="off")
        processes = processes_here(lambda: self.children)
        return Gpus(settings, processes, self.events, differing=self.differing_kinds)

    @cached_property
    def differing_kinds(self) -> DifferingKinds:
        return DifferingKinds(self.ledger.kinds_that_differ(), self.ledger.made_by_gpu)

    @cached_property
    def scratch(self) -> Scratch:
        """This workspace's part of scratch on this machine."""
        directory = self.workspace.scratch_dir(self.config)
        return Scratch(directory, self.workspace.root, self.ledger.identity)

    @property
    def source_root(self) -> str:
        """The absolute directory before relative sources; empty if the settings have none."""
        return str(self.workspace.source_dir(self.config)) if self.config.manifest.root else ""

    def fail(
        self,
        subject: Subject,
        failure: Failure,
        facts: NotConverted | None = None,
        pid: int | None = None,
        host: str = "",
    ) -> None:
        """The image has failed; `facts` has what the attempt took, `host` the machine that `pid` is on."""
        self.ledger.failed(subject.image_id, failure, facts)
        message = f"{failure.cause}: {failure.message}"
        self.events.of_host(host).error(EventKind.FAILED, message, subject, pid, fold=failure.cause)


@dataclass
class HostContext:
    run: RunContext
    host: Host
    holds: HostHolds

    @cached_property
    def events(self) -> EventLog:
        return self.run.events.of_host(self.host.name)

    @cached_property
    def gpus(self) -> Gpus:
        """Of this machine."""
        if not self.host.name:
            return self.run.gpus
        from engine.hosts.remote import RemoteHost  # not loaded while no other machine is there

        if not isinstance(self.host, RemoteHost):
            return self.run.gpus
        hello, settings = self.host.hello, self.run.config.engine
        differing = self.run.differing_kinds
        return Gpus(settings, processes_of(self.host), self.events, hello.cards, hello.no_cards, differing)

    @cached_property
    def hung_images(self) -> HungImages:
        """Those whose sources do not answer here."""
        run = self.run
        return HungImages(self.holds, run.holds, self.events, self.host, run.config.engine.timeout_s)

    def hold_for_disk(self, why: str, needs_bytes: int = 1) -> None:
        """Scratch cannot be written, or has no room for an image of about this size."""
        if self.holds.disk_full(why, needs_bytes, time.monotonic()):
            self.events.warning(EventKind.HOLD, why)
