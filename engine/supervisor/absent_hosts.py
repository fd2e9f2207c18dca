"""JPEGs on the scratch of hosts that are not there: they wait for their host a while, then their images start again.

A host that loses its connection, or whose engine ends, keeps what it has proved. When it is back it says which files it
has, and those whose images still wait for them are stored. None of this counts as an attempt. Times are monotonic, s.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from engine.control.snapshot import Hold, HoldReason
from engine.formatting import clock, counted
from engine.ledger.states import EventKind
from engine.supervisor.context import RunContext
from engine.supervisor.storing import WaitingJpeg

COMES_BACK_WITHIN_S = 60.0
"""A host whose engine or connection is back tries again every few seconds."""


class AbsentHosts:
    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._jpegs: dict[str, list[WaitingJpeg]] = {}
        """By their host."""
        self._until: dict[str, float] = {}

    @property
    def image_ids(self) -> list[int]:
        """Of the JPEGs that wait for their host."""
        return [jpeg.request.image_id for jpegs in self._jpegs.values() for jpeg in jpegs]

    def waiting_for(self, host: str) -> tuple[int, float | None]:
        """How many JPEGs wait for it, and until when, Unix time, s."""
        jpegs, until = self._jpegs.get(host, ()), self._until.get(host)
        return len(jpegs), None if until is None else time.time() - time.monotonic() + until

    def wait_for(self, host: str, jpegs: Iterable[WaitingJpeg], now: float) -> None:
        """These are on the scratch of a host that is not there."""
        if jpegs := list(jpegs):
            self._jpegs.setdefault(host, []).extend(jpegs)
            self._until[host] = now + COMES_BACK_WITHIN_S

    def is_back(self, host: str, found: Mapping[str, int]) -> list[WaitingJpeg]:
        """The JPEGs that it is to keep, of those that it has found: sizes in bytes, by their paths."""
        kept: list[WaitingJpeg] = []
        lost: list[WaitingJpeg] = []
        for jpeg in self._take(host):
            is_there = found.get(jpeg.request.scratch_path) == jpeg.request.jpeg_bytes
            (kept if is_there else lost).append(jpeg)
        self.put_back(lost, f"its JPEG is not on scratch of {host} any more")
        return kept

    def forget(self, host: str) -> None:
        """Wait for it no longer."""
        self.put_back(self._take(host), f"{host} was forgotten, and its JPEG is there")

    def tick(self, now: float) -> None:
        """Images whose hosts have not come back in time start again."""
        for host in [host for host, until in self._until.items() if now >= until]:
            jpegs = self._take(host)
            self._run.events.warning(
                EventKind.ENGINE,
                f"{host} has not come back: {counted(len(jpegs), 'image')} whose JPEGs are on its scratch start again",
            )
            self.put_back(jpegs, f"its JPEG is on scratch of {host}, which has not come back")

    def put_back(self, jpegs: Iterable[WaitingJpeg], why: str) -> None:
        """Pending again; the attempts do not count."""
        for jpeg in jpegs:
            self._run.ledger.back_to_pending(jpeg.request.image_id, why, counts=False)
            self._run.events.info(EventKind.PUT_BACK, why, jpeg.subject)

    def hold(self, now: float) -> Hold | None:
        """For people, if nothing is left to do but these images."""
        if not self._until:
            return None
        until = time.time() - now + max(self._until.values())
        hosts = ", ".join(sorted(self._until))
        are, do = ("is", "it does") if len(self._until) == 1 else ("are", "they do")
        detail = (
            f"{counted(len(self.image_ids), 'JPEG')} on scratch of {hosts}, which {are} not connected: if {do} not "
            f"come back, others convert again from {clock(until, time.time())} on"
        )
        return Hold(HoldReason.HOSTS, detail, until - COMES_BACK_WITHIN_S, until)

    def _take(self, host: str) -> list[WaitingJpeg]:
        self._until.pop(host, None)
        return self._jpegs.pop(host, [])
