"""The commands that a person sends to the engine, and the sentence that says what came of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from engine import formatting
from engine.config.cluster_extra import HERE
from engine.control.requests import (
    Accept,
    ApprovalReply,
    Approve,
    BatchesReply,
    CountReply,
    Drain,
    DrainHost,
    ForgetHost,
    GiveVerdicts,
    HoldBatch,
    HostReply,
    MoveBatch,
    Pause,
    ReleaseBatch,
    Reply,
    Request,
    Requeue,
    Resume,
    ResumeReply,
    SetWorkers,
    Skip,
    Stop,
    VerdictsReply,
    WithdrawApproval,
    WorkersReply,
)
from engine.control.snapshot import Hold, HoldReason, State
from engine.ledger.batch_order import BatchMove
from engine.ledger.filters import Selection
from engine.ledger.verdicts import GivenVerdict, Standing, Verdict
from tui.state.view import ActionResult

_AT_WORK = frozenset({State.RUNNING, State.HOLDING})


@dataclass(frozen=True)
class StartEngine:
    """Starts an engine; the app does this itself."""


@dataclass(frozen=True)
class EngineCommand:
    request: Request[Any] | StartEngine
    done_text: str = ""
    """The sentence when it was carried out; `{count}` is the reply's count of images."""
    true_in: frozenset[State] = frozenset()
    """The states of the engine in which the sentence is true."""
    images: int | None = None
    """How many images the person was told that it is about."""

    @property
    def name(self) -> str:
        """The command of photostat that does the same."""
        return "run" if isinstance(self.request, StartEngine) else self.request.name()

    def result_of(self, reply: Reply) -> ActionResult:
        """The message for the person, from the engine's reply."""
        match self.request, reply:
            case SetWorkers(), WorkersReply():
                return _workers_result(self.request.count, reply, self.request.host)
            case Resume(), ResumeReply(outside_hours_until=float(until)):
                at = formatting.clock(until, time.time())
                text = f"Resumed: it works outside its hours too, until {at}, when its next hours end."
                return ActionResult(text, true_in=_AT_WORK)
            case _, CountReply():
                return self._count_result(reply.count)
            case GiveVerdicts(), VerdictsReply():
                return _said(self.done_text, reply)
            case Approve() | WithdrawApproval(), ApprovalReply(recorded=False):
                return ActionResult("It was so already: nothing was recorded.", good=False)
            case MoveBatch(), BatchesReply():
                return _moved(self.request, reply)
            case DrainHost(host), HostReply(changed=False):
                return ActionResult(f"{host} leaves already.", good=False)
            case ForgetHost(host), HostReply(changed=False):
                return ActionResult(f"{host} was forgotten already.", good=False)
            case ForgetHost(host), HostReply(still_connects_to=str(scheduler)) if scheduler:
                stay = f"its certificates still hold at {scheduler}, until that cluster has others"
                return ActionResult(f"{host} is forgotten, but {stay}.", true_in=self.true_in)
            case HoldBatch(batch), BatchesReply(changed=False):
                return ActionResult(f"{batch} is held already. r releases it.", good=False)
            case ReleaseBatch(batch), BatchesReply(changed=False):
                return ActionResult(f"{batch} is not held.", good=False)
        return ActionResult(self.done_text, true_in=self.true_in)

    def _count_result(self, count: int) -> ActionResult:
        """Says so if these are fewer images than the person was told."""
        if self.images is None or count >= self.images:
            text = self.done_text.replace("{count}", formatting.counted(count, "image"))
            return ActionResult(text, good=count > 0)
        left = self.images - count
        others = "it has" if left == 1 else "they have"
        why = f"{others} changed meanwhile, or the target is another image's too"
        if count == 0:
            which = "The image is" if left == 1 else f"All {formatting.integer(left)} images are"
            return ActionResult(f"{which} left as {'it is' if left == 1 else 'they are'}: {why}.", good=False)
        done = self.done_text.replace("{count}", formatting.counted(count, "image")).rstrip(".")
        are = "it is" if left == 1 else "they are"
        return ActionResult(f"{done}, {formatting.integer(left)} left as {are}: {why}.", good=False)


_LIMITS: dict[HoldReason | None, str] = {HoldReason.MEMORY: "there is no memory for more"}


def _workers_result(asked: int, reply: WorkersReply, host: str) -> ActionResult:
    """How many workers there will be, and why if these are fewer than asked for."""
    workers = formatting.counted(reply.count, "worker") + ("" if host == HERE else f" on {host}")
    if reply.count >= asked:
        return ActionResult(f"{workers} from now on.")
    why = _LIMITS.get(reply.limited_by, "the engine takes no more")
    if reply.count == reply.before:
        return ActionResult(f"Still {workers}: {why}.", good=False)
    return ActionResult(f"{workers}, not {formatting.integer(asked)}: {why}.", good=False)


def _said(done_text: str, reply: VerdictsReply) -> ActionResult:
    if reply.taken.changed:
        text = "Not recorded: the image has another JPEG now than was shown. Look at it again."
        return ActionResult(text, good=False)
    if reply.taken.known:
        return ActionResult("The ledger has this verdict already.", good=False)
    return ActionResult(done_text, true_in=frozenset(State))


def verdict(image_id: int, said: Verdict, md5: str, why: str) -> EngineCommand:
    """`md5` is that of the JPEG that was shown."""
    text = (
        "The verdict is taken back." if said is Verdict.WITHDRAWN else f"Recorded: {said.replace('-', ' ')}."
    )
    return EngineCommand(GiveVerdicts((GivenVerdict(image_id, said, md5, why),), ""), text)


def approve(shown: Standing, note: str) -> EngineCommand:
    request = Approve(shown.batch, note, "", None, shown.changes, shown.not_fine)
    although = f", although it has {shown.open_items}" if shown.open_items else ""
    return EngineCommand(request, f"{shown.batch} is approved{although}.", frozenset(State))


def withdraw_approval(batch: str, note: str) -> EngineCommand:
    return EngineCommand(
        WithdrawApproval(batch, note, ""), f"{batch} is not approved any more.", frozenset(State)
    )


def _moved(request: MoveBatch, reply: BatchesReply) -> ActionResult:
    names = [batch.name for batch in reply.batches]
    place = f"number {names.index(request.batch) + 1} of {len(names)}"
    if not reply.changed:
        return ActionResult(f"{request.batch} is {place} already.", good=False)
    return ActionResult(f"{request.batch} is now {place}.", true_in=frozenset(State))


def move_batch(batch: str, to: BatchMove) -> EngineCommand:
    return EngineCommand(MoveBatch(batch, to))


def hold_batch(batch: str) -> EngineCommand:
    text = f"{batch} is held: nothing more of it starts until it is released."
    return EngineCommand(HoldBatch(batch, ""), text, frozenset(State))


def release_batch(batch: str) -> EngineCommand:
    return EngineCommand(ReleaseBatch(batch), f"{batch} is released.", frozenset(State))


def pause() -> EngineCommand:
    return EngineCommand(
        Pause(), "Paused: nothing new starts, what is in flight finishes.", frozenset({State.PAUSED})
    )


def resume(hold: Hold | None = None) -> EngineCommand:
    """`hold` is the hold that lasts although the pause ends."""
    if hold is None:
        return EngineCommand(Resume(), "Resumed.", _AT_WORK)
    text = f"Resumed; the engine continues by itself when the hold ends: {hold.detail}"
    return EngineCommand(Resume(), text, frozenset({State.HOLDING}))


def drain() -> EngineCommand:
    text = "Draining: the engine finishes what is in flight and ends."
    return EngineCommand(Drain(), text, frozenset({State.DRAINING}))


def stop() -> EngineCommand:
    return EngineCommand(Stop(), "Stopping: what workers had starts over next time; JPEGs on scratch wait.")


def set_workers(count: int, host: str = HERE) -> EngineCommand:
    return EngineCommand(SetWorkers(count, host))


def drain_host(name: str) -> EngineCommand:
    text = f"{name} gets nothing new: it finishes what it has, and leaves."
    return EngineCommand(DrainHost(name), text, frozenset(State))


def forget_host(name: str) -> EngineCommand:
    text = f"{name} is forgotten: it may join again only if it is invited anew."
    return EngineCommand(ForgetHost(name), text, frozenset(State))


def requeue(selection: Selection, images: int) -> EngineCommand:
    """`images` is how many the person was told."""
    return EngineCommand(Requeue(selection), "{count} requeued.", images=images)


def accept(selection: Selection, reason: str, images: int) -> EngineCommand:
    """`images` is how many the person was told."""
    return EngineCommand(Accept(selection, reason), "{count} accepted.", images=images)


def skip(image_id: int, name: str, started: float | None, *, fail: bool) -> EngineCommand:
    """`started` is when the attempt began that the person was asked about, Unix time."""
    then = "fails" if fail else "waits behind all others"
    text = f"{'Stopped' if fail else 'Skipped'}: image {image_id} ({name}) {then}."
    return EngineCommand(Skip(image_id, started, fail), text, frozenset(State))


def start() -> EngineCommand:
    return EngineCommand(StartEngine(), "The engine has started.", _AT_WORK)
