"""The third stage: proved JPEGs wait on scratch and go to the store, several at once; only then is an image done."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from engine.failures import Cause, Failure, Stage
from engine.formatting import data_size
from engine.ledger.models import Subject
from engine.ledger.states import EventKind
from engine.messages import FaultKind, NotStored, ProbeStore, Quit, Stored, StoreProbed, StoreRequest
from engine.processes.child import Child
from engine.processes.uploader import uploader_main
from engine.supervisor.context import Run
from engine.supervisor.progress import Finished, Progress

_MOST_SETBACKS = 8
"""Each is four attempts of the storer's, so that a store that fails half its transfers costs no image."""


@dataclass(frozen=True)
class Waiting:
    """A proved JPEG on scratch, and what the ledger needs to know of its image."""

    request: StoreRequest
    subject: Subject
    megapixels: float
    source_bytes: int
    converted_here: bool = True
    """Not by an engine before this one, whose work says nothing of how fast this one is."""


@dataclass(frozen=True)
class Setbacks:
    """How often the world has kept one image from the store while it let others through."""

    count: int = 0
    signs_of_life: int = -1
    """How many the store had given when the last one was counted."""

    def one_more(self, signs_of_life: int) -> Setbacks:
        """Counts only where the store has shown since the last one that it works."""
        return Setbacks(self.count + 1, signs_of_life) if signs_of_life > self.signs_of_life else self


class Storing:
    def __init__(self, run: Run, progress: Progress) -> None:
        self._run = run
        self._progress = progress
        self._storer: Child | None = None
        self._waiting: deque[Waiting] = deque()
        self._under_way: dict[int, Waiting] = {}
        self._to_unlink: list[Path] = []
        self._probing = False
        self._setbacks: dict[int, Setbacks] = {}
        self._signs_of_life = 0
        """Images stored and probes that were well."""
        self.failures = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._under_way)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    @property
    def waiting_bytes(self) -> int:
        queued = sum(waiting.request.jpeg_bytes for waiting in self._waiting)
        return queued + sum(waiting.request.jpeg_bytes for waiting in self._under_way.values())

    def accept(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def hear(self) -> None:
        """Take in what the storer says."""
        if self._storer is None:
            return
        for message in self._storer.messages():
            match message:
                case Stored() if message.image_id in self._under_way:
                    self._stored(self._under_way.pop(message.image_id), message)
                case NotStored() if message.image_id in self._under_way:
                    self._not_stored(self._under_way.pop(message.image_id), message)
                case StoreProbed():
                    self._probing = False
                    self._signs_of_life += message.fault is None
                    fault, failure, now = message.fault, message.failure, time.monotonic()
                    if self._run.holds.store_probed(
                        fault, failure, now, never_answered=message.never_answered
                    ):
                        self._run.journal.info(EventKind.END_OF_HOLD, "the store answers again")
        if self._storer.exit_code is not None:
            self._replace_storer(self._storer)

    def work(self) -> None:
        """Keep as many transfers under way as the storer can take, or ask a store that was away."""
        holds = self._run.holds
        if holds.store_wants_probe() and not self._probing:
            self._probing = True
            self._send(ProbeStore(self._images_done))
        while (
            holds.may_store and self._waiting and len(self._under_way) < 2 * self._run.config.store.transfers
        ):
            waiting = self._waiting.popleft()
            self._under_way[waiting.request.image_id] = waiting
            self._send(waiting.request)

    def clean(self) -> None:
        """After the ledger's commit: scratch files of images that are done or failed go."""
        for path in self._to_unlink:
            path.unlink(missing_ok=True)
        self._to_unlink.clear()

    def close(self) -> None:
        """Ends the storer; transfers under way stay on scratch, and the next engine takes them up."""
        if self._storer is not None:
            self._run.unwatch(self._storer)
            self._storer.send(Quit())
            self._storer.close(timeout_s=2.0)
            self._storer = None

    @property
    def _images_done(self) -> int:
        return self._run.ledger.figures().totals.done

    def _send(self, message: object) -> None:
        if self._storer is None:
            settings, root = self._run.config.store, str(self._run.workspace.root)
            self._storer = Child("photostat-storer", uploader_main, settings, root, self._images_done)
            self._run.watch(self._storer)
        self._storer.send(message)

    def _stored(self, waiting: Waiting, message: Stored) -> None:
        request, now = waiting.request, time.monotonic()
        self._signs_of_life += 1
        self._setbacks.pop(request.image_id, None)
        self._run.holds.store_worked()
        self._run.ledger.done(request.image_id)
        if waiting.converted_here:
            self._progress.add(Finished(now, waiting.megapixels, waiting.source_bytes, request.jpeg_bytes))
        how = "was there already, identical" if message.existed else f"{message.wall_s:.2f} s"
        self._run.journal.info(EventKind.STORED, f"{data_size(request.jpeg_bytes)}, {how}", waiting.subject)
        self._to_unlink.append(Path(request.scratch_path))

    def _not_stored(self, waiting: Waiting, message: NotStored) -> None:
        request, failure = waiting.request, message.failure
        if message.fault is not FaultKind.ITEM:
            holds = self._run.holds
            if holds.store_failed(
                message.fault, failure, time.monotonic(), never_answered=message.never_answered
            ):
                self._run.journal.warning(
                    EventKind.HOLD, f"{failure.cause}: {holds.store_detail}", waiting.subject
                )
            if not self._is_hopeless(request.image_id, message):
                self._waiting.append(waiting)
                return
        self._to_unlink.append(Path(request.scratch_path))
        if failure.cause is Cause.PROOF_FAILED:  # what lies on scratch is not what was proved
            self._run.ledger.back_to_pending(request.image_id, failure.message, counts=True)
            self._run.journal.warning(EventKind.RETRY, f"{failure.cause}: {failure.message}", waiting.subject)
            return
        self._fail(waiting, failure)

    def _is_hopeless(self, image_id: int, message: NotStored) -> bool:
        """This image's transfers fail again and again, and others' do not: then it fails, and the run can end."""
        if message.failure.cause is not Cause.STORE_UNAVAILABLE or message.fault is not FaultKind.TRANSIENT:
            return False
        setbacks = self._setbacks.get(image_id, Setbacks()).one_more(self._signs_of_life)
        self._setbacks[image_id] = setbacks
        return setbacks.count >= _MOST_SETBACKS

    def _fail(self, waiting: Waiting, failure: Failure) -> None:
        self.failures += 1
        self._setbacks.pop(waiting.request.image_id, None)
        self._run.ledger.failed(waiting.request.image_id, failure)
        self._run.journal.error(EventKind.FAILED, f"{failure.cause}: {failure.message}", waiting.subject)

    def _replace_storer(self, storer: Child) -> None:
        said = self._run.kills.describe(storer)
        self._run.journal.warning(
            EventKind.UPLOADER, f"the storer {said}; a new one takes over", pid=storer.pid
        )
        self._run.unwatch(storer)
        storer.close()
        failure = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, f"the storer {said}")
        if self._probing:  # else a storer that cannot even start would be started again and again
            self._run.holds.store_probed(FaultKind.TRANSIENT, failure, time.monotonic())
        else:
            self._run.holds.store_failed(FaultKind.TRANSIENT, failure, time.monotonic())
        self._storer, self._probing = None, False
        self._waiting.extendleft(self._under_way.values())
        self._under_way.clear()
