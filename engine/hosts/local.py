"""The engine's own machine as a host: its children, its memory and its scratch."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

from engine.config import StoreSettings
from engine.gpu.cards import Card
from engine.hosts.activity import sample_process
from engine.hosts.base import GPU, UPLOADER, ActivitySample, At, ChildProcess
from engine.hosts.children import Children
from engine.hosts.oom_kills import OomKillDetector
from engine.memory.available import Memory, MemoryReader
from engine.memory.usage import own_tree, rss_bytes, tree_bytes
from engine.messages import KnownStore
from engine.processes.child import Child
from engine.processes.mains import gpu_decoder_main, uploader_main, worker_main
from engine.scratch import Scratch


class LocalHost:
    """See Host."""

    name = ""
    lost = None
    clock_ahead_s = 0.0
    has_left = False

    def __init__(
        self,
        children: Children,
        scratch: Scratch,
        store: StoreSettings,
        root: Path,
        memory_limit_bytes: int | None = None,
    ) -> None:
        """`root` is the workspace's directory."""
        self.scratch = scratch
        self.machine = socket.gethostname()
        self.cores = os.cpu_count() or 1
        self._children = children
        self._start_uploader = partial(children.start, UPLOADER, uploader_main, store, str(root))
        self._memory = MemoryReader(memory_limit_bytes)
        self._oom_kills = OomKillDetector()

    def has_news(self) -> bool:
        return True

    def memory(self) -> Memory:
        return self._memory.read(lambda: tree_bytes(own_tree()))

    def rss_bytes(self, child: ChildProcess) -> int:
        return rss_bytes(child.pid)

    def activity(self, child: ChildProcess) -> ActivitySample | None:
        return sample_process(child.pid)

    def hire(self, name: str) -> ChildProcess:
        return self._children.start(name, worker_main)

    def gpu_decoder(self, card: Card) -> ChildProcess:
        return start_gpu_decoder(self._children, card)

    def uploader(self, known: KnownStore) -> ChildProcess:
        return self._start_uploader(known)

    def dismiss(self, child: ChildProcess, at: At | None = None, *, after_s: float = 0.0) -> None:
        assert isinstance(child, Child)
        self._children.dismiss(child, at, after_s=after_s)

    def stuck(self, name: str) -> int:
        return self._children.stuck(name)

    @property
    def ended_late(self) -> int:
        return self._children.ended_late

    def look_for_kills(self, now: float) -> None:
        self._oom_kills.sample(now)

    def was_oom_killed(self, child: ChildProcess) -> bool:
        return self._oom_kills.was_oom_killed(child)


def start_gpu_decoder(children: Children, card: Card) -> Child:
    return children.start(f"{GPU}-{card.device or 0}", gpu_decoder_main, card.device)
