"""What the stages of one run share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cached_property

from engine.config import Config
from engine.failures import Failure
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.ledger.writer import Ledger
from engine.messages import NotConverted
from engine.scratch import Scratch
from engine.supervisor.children import Children
from engine.supervisor.event_log import EventLog
from engine.supervisor.holds import Holds
from engine.supervisor.oom_kills import OomKillDetector
from engine.workspace import Workspace


@dataclass
class RunContext:
    workspace: Workspace
    config: Config
    ledger: Ledger
    events: EventLog
    holds: Holds
    batches: tuple[str, ...] | None = None
    """Those of this run; None is every batch."""
    wake_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to make the loop's next turn begin at once."""
    oom_kills: OomKillDetector = field(default_factory=OomKillDetector)

    @cached_property
    def children(self) -> Children:
        """Of this engine, and those that an earlier one left behind."""
        return Children(self.workspace.children_path, self.events, self.wake_up)

    @cached_property
    def scratch(self) -> Scratch:
        """This workspace's part of scratch."""
        directory = self.workspace.scratch_dir(self.config)
        return Scratch(directory, self.workspace.root, self.ledger.identity)

    @property
    def source_root(self) -> str:
        """The absolute directory before relative sources; empty if the settings have none."""
        return str(self.workspace.source_dir(self.config)) if self.config.manifest.root else ""

    def fail(
        self, subject: Subject, failure: Failure, facts: NotConverted | None = None, pid: int | None = None
    ) -> None:
        """The image has failed; `facts` has what the attempt took."""
        self.ledger.failed(subject.image_id, failure, facts)
        self.events.error(EventKind.FAILED, f"{failure.cause}: {failure.message}", subject, pid)
