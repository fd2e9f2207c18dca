"""What the stages of one run share: the workspace, its settings, the ledger, the journal, the gates, the wake-up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property

from engine.config import Config
from engine.ledger.writer import Ledger
from engine.processes.child import Child
from engine.scratch import Scratch
from engine.supervisor.holds import Holds
from engine.supervisor.journal import Journal
from engine.supervisor.oom_kills import OomKillDetector
from engine.workspace import Workspace


@dataclass
class Run:
    workspace: Workspace
    config: Config
    ledger: Ledger
    journal: Journal
    holds: Holds
    batches: tuple[str, ...] | None = None
    """None is every batch."""
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whatever the loop should look at before its next tick."""
    kills: OomKillDetector = field(default_factory=OomKillDetector)

    @cached_property
    def scratch(self) -> Scratch:
        """This workspace's part of scratch."""
        place = self.workspace.scratch_dir(self.config)
        return Scratch(place, self.workspace.root, self.ledger.identity)

    @property
    def source_root(self) -> str:
        """The directory before relative sources, absolute; empty where there is none."""
        return str(self.workspace.source_dir(self.config)) if self.config.manifest.root else ""

    def watch(self, child: Child) -> None:
        """Wake the loop when the child speaks or ends."""
        loop = asyncio.get_running_loop()
        loop.add_reader(child.connection.fileno(), self.happened.set)
        loop.add_reader(child.process.sentinel, self.happened.set)

    def unwatch(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(child.connection.fileno())
        loop.remove_reader(child.process.sentinel)
