"""The third stage: proved JPEGs wait on scratch for the uploader; an image is done when its JPEG is in the store."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import Struct

from engine.failures import Cause, Failure, Stage, one_line
from engine.formatting import data_size, duration, measured_time
from engine.hosts.activity import Activity
from engine.hosts.base import UPLOADER, At, ChildProcess, describe_end
from engine.ledger.known_store import known_store
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.messages import (
    Converted,
    FaultKind,
    KnownStore,
    NotStored,
    ProbeStore,
    Quit,
    ShareOfBandwidth,
    Stored,
    StoreProbed,
    StoreRequest,
)
from engine.supervisor.context import HostContext
from engine.supervisor.progress import Finished
from engine.supervisor.unexplained import UnexplainedFaults

_MOST_SETBACKS = 8
"""Each is all attempts of the uploader, so that a store that fails half its transfers fails no image."""
_FINISHES_WITHIN_S = 2.0
"""What an uploader that is not wanted any more gets for the transfers under way."""


_OVERRULED = "a person says that this is the store, although it shows none of the images that should be there"


class WaitingJpeg(Struct, frozen=True):
    """A proved JPEG on scratch, and what is to be recorded of its image."""

    request: StoreRequest
    subject: Subject
    megapixels: float
    source_bytes: int
    converted_here: bool = True
    """False if an earlier engine converted it, whose work does not count in this one's rates."""
    known_after: int = 0
    """After so many commits the ledger has it (EngineLedger.commits). Only then it may replace an object: otherwise
    an engine that is killed would leave an object that its ledger does not know."""


class Setbacks(Struct, frozen=True):
    """How often transfers of one image have failed although the store took others in the meantime."""

    count: int = 0
    successes: int = -1
    """Of the store, when the last setback was counted."""

    def one_more(self, successes: int) -> Setbacks:
        """Counts only if the store has worked since the last one."""
        return Setbacks(self.count + 1, successes) if successes > self.successes else self


class Storing:
    def __init__(self, context: HostContext, on_finished: Callable[[Finished, bool], None]) -> None:
        self._context = context
        self._run, self._host, self._holds = context.run, context.host, context.holds
        self._events = context.events
        self._on_finished = on_finished
        self._uploader: ChildProcess | None = None
        self._waiting: deque[WaitingJpeg] = deque()
        self._transferring: dict[int, WaitingJpeg] = {}
        self._to_unlink: list[Path] = []
        self._share = self._run.config.store.bandwidth_limit
        """Of what may be sent to the store, bytes a second; None if there is no limit."""
        self._probing = False
        self._has_looked = not (self._host.name or self._run.config.store.url.startswith("file:"))
        """A local store is looked at before the first image: whether it is there, and which directory it is. So is any
        store by another machine."""
        self._faults = UnexplainedFaults(self._run, "stored", context)
        self._activity: Activity | None = None
        """Of the uploader, if the store is a local directory; others have time limits of their own."""
        self._setbacks: dict[int, Setbacks] = {}
        self._successes = 0
        """Images stored and successful probes."""
        self.failures = 0

    @property
    def on_scratch(self) -> int:
        """JPEGs that are not in the store yet."""
        return len(self._waiting) + len(self._transferring)

    @property
    def image_ids(self) -> list[int]:
        """Of the JPEGs that are not in the store yet."""
        return [jpeg.request.image_id for jpeg in (*self._waiting, *self._transferring.values())]

    @property
    def sources(self) -> list[str]:
        """Of the JPEGs that wait."""
        return [jpeg.subject.source for jpeg in self._waiting]

    @property
    def transferring(self) -> int:
        return len(self._transferring)

    @property
    def on_scratch_bytes(self) -> int:
        return sum(jpeg.request.jpeg_bytes for jpeg in (*self._waiting, *self._transferring.values()))

    def limit_bandwidth(self, bytes_per_s: int) -> None:
        """From now on no more is to be sent from here."""
        if bytes_per_s != self._share:
            self._share = bytes_per_s
            if self._uploader is not None:
                self._uploader.send(ShareOfBandwidth(bytes_per_s))

    def enqueue(self, jpeg: WaitingJpeg) -> None:
        self._waiting.append(jpeg)

    def enqueue_converted(self, image: PendingImage, result: Converted) -> None:
        request = StoreRequest(
            image_id=image.image_id,
            scratch_path=result.scratch_path,
            target=image.target,
            jpeg_bytes=result.jpeg_bytes,
            md5=result.md5,
            record=image.record,
            uuid=image.uuid,
            source_digest=result.source_digest,
            may_replace=image.may_replace,
        )
        known_after = self._run.ledger.commits + 1
        self.enqueue(
            WaitingJpeg(
                request, image.subject, image.megapixels, result.source_bytes, known_after=known_after
            )
        )

    def has_file(self, scratch_path: str) -> bool:
        """Whether this JPEG is not in the store yet."""
        waiting = (*self._waiting, *self._transferring.values())
        return any(jpeg.request.scratch_path == scratch_path for jpeg in waiting)

    def receive(self) -> None:
        """Take what the uploader has sent, and start another one if it has ended."""
        if self._uploader is None:
            return
        for message in self._uploader.messages():
            match message:
                case Stored() if message.image_id in self._transferring:
                    self._stored(self._transferring.pop(message.image_id), message)
                case NotStored() if message.image_id in self._transferring:
                    self._not_stored(self._transferring.pop(message.image_id), message)
                case StoreProbed():
                    self._probed(message)
        if self._uploader.exit_code is not None:
            self._replace(self._uploader)
        else:
            self._give_up_if_hanging(self._uploader, time.monotonic())

    def work(self) -> None:
        """Send the uploader as many JPEGs as it can take, or a probe if the store was away."""
        holds, of_run = self._holds, self._run.holds
        wants_probe = holds.store_wants_probe() or not self._has_looked
        if wants_probe and not self._probing and holds.may_try_store:
            self._probing = self._has_looked = True
            if not self._context.hung_images.may_give_up(UPLOADER):  # each waits for this store
                self._store_hangs(holds.store_detail, time.monotonic())
                return
            overrule = (
                holds.take_overrule() and not self._host.name
            )  # only the engine's machine tells what is right
            self._send(ProbeStore(self._known_store, overrule))
        most = 1 if of_run.only_tries or holds.only_tries else 2 * self._run.config.store.transfers
        may_store = holds.may_store and holds.may_try_store and holds.may_try and of_run.may_try
        while may_store and len(self._transferring) < most:
            jpeg = self._next_to_send()
            if jpeg is None:
                break
            self._transferring[jpeg.request.image_id] = jpeg
            self._send(jpeg.request)

    def _next_to_send(self) -> WaitingJpeg | None:
        """The first that waits for nothing but the store."""
        for place, jpeg in enumerate(self._waiting):
            if not jpeg.request.may_replace or self._run.ledger.commits >= jpeg.known_after:
                del self._waiting[place]
                return jpeg
        return None

    def unlink_finished(self) -> None:
        """After the ledger's commit: remove the scratch files of images that are done or failed."""
        for path in self._to_unlink:
            self._host.scratch.remove(path)
        self._to_unlink.clear()

    def close(self) -> None:
        """End the uploader; what it has not stored stays on scratch for the next engine."""
        if self._uploader is not None:
            self._uploader.send(Quit())
            self._host.dismiss(self._uploader, self._at, after_s=_FINISHES_WITHIN_S)
            self._uploader = None

    def give_away(self) -> list[WaitingJpeg]:
        """All that is not on its way to the store; it goes from scratch after the ledger's commit."""
        given = list(self._waiting)
        self._waiting.clear()
        self._to_unlink.extend(Path(jpeg.request.scratch_path) for jpeg in given)
        return given

    def let_go(self) -> list[WaitingJpeg]:
        """This host has gone; returns what is not known to be in the store, and is on its scratch."""
        left = [*self._transferring.values(), *self._waiting]
        self._waiting.clear()
        self._transferring.clear()
        self._to_unlink.clear()
        self.close()
        return left

    @property
    def _known_store(self) -> KnownStore:
        return known_store(self._run.ledger, self._run.workspace.root, self._host.name)

    @property
    def _at(self) -> At:
        """What the uploader has had longest."""
        oldest = next(iter(self._transferring.values()), None)
        store = self._run.config.store.url
        return At(store, oldest.subject.image_id, oldest.subject.target) if oldest else At(store)

    def _send(self, message: object) -> None:
        if self._uploader is None:
            self._uploader = self._host.uploader(self._known_store)
            if self._share is not None and self._share != self._run.config.store.bandwidth_limit:
                self._uploader.send(ShareOfBandwidth(self._share))
            if self._run.config.store.url.startswith("file:"):
                self._activity = Activity(partial(self._host.activity, self._uploader), time.monotonic())
        self._uploader.send(message)

    def _stored(self, jpeg: WaitingJpeg, message: Stored) -> None:
        request = jpeg.request
        self._successes += 1
        self._setbacks.pop(request.image_id, None)
        self._faults.worked()
        self._holds.store_worked()
        self._run.ledger.done(request.image_id, message.warnings)
        finished = Finished(jpeg.megapixels, jpeg.source_bytes, request.jpeg_bytes)
        self._on_finished(finished, jpeg.converted_here)
        how = "was there already, identical" if message.existed else measured_time(message.wall_s)
        self._events.info(EventKind.STORED, f"{data_size(request.jpeg_bytes)}, {how}", jpeg.subject)
        self._to_unlink.append(Path(request.scratch_path))

    def _not_stored(self, jpeg: WaitingJpeg, message: NotStored) -> None:
        request, failure, events = jpeg.request, message.failure, self._events
        if message.fault is not FaultKind.ITEM:
            holds, now = self._holds, time.monotonic()
            if holds.store_failed(message.fault, failure, now, never_answered=message.never_answered):
                events.warning(EventKind.HOLD, f"{failure.cause}: {holds.store_detail}", jpeg.subject)
            if not self._fails_alone(request.image_id, message):
                self._waiting.append(jpeg)
                return
        self._to_unlink.append(Path(request.scratch_path))
        if failure.cause is Cause.PROOF_FAILED:  # what is on scratch is not what was proved
            self._run.ledger.back_to_pending(request.image_id, failure.message, counts=True)
            why = f"{failure.cause}: {failure.message}"
            events.warning(EventKind.RETRY, why, jpeg.subject, fold=failure.cause)
        else:
            self.failures += 1
            self._setbacks.pop(request.image_id, None)
            self._run.fail(jpeg.subject, failure)
            self._faults.failed(jpeg.subject, failure)

    def _fails_alone(self, image_id: int, message: NotStored) -> bool:
        """Transfers of this image fail again and again while others succeed: it fails, so that the run can end."""
        if message.failure.cause is not Cause.STORE_UNAVAILABLE or message.fault is not FaultKind.TRANSIENT:
            return False
        setbacks = self._setbacks.get(image_id, Setbacks()).one_more(self._successes)
        self._setbacks[image_id] = setbacks
        return setbacks.count >= _MOST_SETBACKS

    def _probed(self, result: StoreProbed) -> None:
        self._probing = False
        self._successes += result.fault is None
        if result.overruled:
            self._run.ledger.overrule_store()
            self._events.warning(EventKind.ENGINE, _OVERRULED)
        holds, now, failure = self._holds, time.monotonic(), result.failure
        if not holds.may_store:
            if holds.store_probed(result.fault, failure, now, never_answered=result.never_answered):
                self._events.info(EventKind.END_OF_HOLD, "the store answers again")
        elif result.fault is None:
            holds.store_worked()
        elif failure and holds.store_failed(result.fault, failure, now):  # at the first look
            self._events.warning(EventKind.HOLD, f"{failure.cause}: {holds.store_detail}")

    def _give_up_if_hanging(self, uploader: ChildProcess, now: float) -> None:
        """Leave it to the write that does not return, and hold until the store answers another one."""
        activity, hung = self._activity, self._context.hung_images
        if activity is None:
            return
        activity.look(now)
        if not (self._transferring or self._probing):
            activity.begins(now)
        waited_s = activity.quiet_s(now)
        if waited_s < hung.hangs_after_s:
            return
        at = self._at
        self._host.dismiss(uploader, at)
        what = f"while {at.image} was stored" if at.image else "when it was tried"
        message = f"{self._run.config.store.url}: no answer for {duration(waited_s)} {what}: the store hangs"
        self._store_hangs(message, now)
        self._waiting.extend(self._transferring.values())  # behind those that may go through
        self._uploader, self._activity = None, None
        self._transferring.clear()

    def _store_hangs(self, message: str, now: float) -> None:
        failure = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, one_line(message))
        if not self._holds.may_store:
            self._holds.store_probed(FaultKind.TRANSIENT, failure, now)
        elif self._holds.store_hangs(failure, now):
            self._events.warning(EventKind.HOLD, f"{failure.cause}: {failure.message}")
        self._probing = False

    def _replace(self, ended: ChildProcess) -> None:
        how = describe_end(self._host, ended)
        self._events.warning(EventKind.UPLOADER, f"the uploader {how}; a new one takes over", pid=ended.pid)
        self._host.dismiss(ended)
        failure = Failure(Cause.STORE_UNAVAILABLE, Stage.STORING, f"the uploader {how}")
        if self._probing:  # otherwise an uploader that cannot even start would be started again and again
            self._holds.store_probed(FaultKind.TRANSIENT, failure, time.monotonic())
        else:
            self._holds.store_failed(FaultKind.TRANSIENT, failure, time.monotonic())
        self._uploader, self._probing = None, False
        self._waiting.extendleft(self._transferring.values())
        self._transferring.clear()
