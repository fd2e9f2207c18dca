"""A host's side of one connection: it does what the engine asks with its own children, and says what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.failures import UserError
from engine.hosts.base import ChildProcess
from engine.hosts.children import Children
from engine.hosts.host_scratch import conflict
from engine.hosts.likeness import Likeness
from engine.hosts.local import LocalHost
from engine.hosts.wire import (
    SILENT_AFTER_S,
    Able,
    CompareShare,
    Dismiss,
    Ended,
    Greet,
    Held,
    Hire,
    Hired,
    InOrder,
    Joined,
    Keep,
    Kill,
    Leave,
    Leaving,
    LetGo,
    Parcel,
    ProcessSample,
    Refuse,
    RemoveAttempt,
    RemoveFile,
    Said,
    Sample,
    Send,
    TrySpace,
    WantsToLeave,
    can_wait,
)
from engine.scratch import Scratch
from engine.store.open import local_path

_SAMPLE_EVERY_S = 0.5


class Session:
    """From the greeting on; ends when the engine lets the host go, or is silent."""

    def __init__(
        self,
        incarnation: str,
        name: str,
        children: Children,
        scratch: Path,
        send: Callable[[Parcel], None],
    ) -> None:
        """`name` is the host's; `send` sends a parcel to the engine."""
        self.incarnation = incarnation
        self.refused: str | None = None
        self.problem: str | None = None
        """Why this machine cannot work for the engine."""
        self.greeted = False
        self.has_joined = False
        self.held = ""
        """Why the engine gives this machine no image."""
        self.is_over = False
        self.finishes = False
        self.dismissed: str | None = None
        """Why this machine is not wanted any more; all that it had is stored."""
        self._name = name
        self._children_of = children
        self._directory = scratch
        self._send = send
        self._sent = 0
        self._outbox: list[object] = []
        self._in_order = InOrder()
        self._host: LocalHost | None = None
        self._likeness: Likeness | None = None
        self._unable: str | None = None
        self._children: dict[int, ChildProcess] = {}
        self._space_problem: str | None = None
        self._space_tried = 0
        self._leaves = False
        self._heard_at = time.monotonic()
        self._sampled_at = 0.0

    def finish(self, why: str) -> None:
        """It is to get nothing new, and then to be dismissed."""
        self.finishes = True
        self.say(WantsToLeave(why))

    def say(self, *messages: object) -> None:
        self._outbox += messages

    def leave(self, why: str) -> None:
        """Somebody ends this host: nothing is left on its scratch."""
        self._leaves = True
        self.say(Leaving(why))

    def take(self, parcel: Parcel) -> None:
        """What the engine has sent."""
        if parcel.incarnation != self.incarnation:
            return
        self._heard_at = time.monotonic()
        for message in self._in_order.take(parcel):
            self._obey(message)
        if any(isinstance(message, LetGo) for message in parcel.messages):
            self.is_over = True  # also if something before it was lost, and it would wait for that for ever

    def work(self, now: float) -> None:
        """Say what the children have said and how the host is."""
        for number, child in list(self._children.items()):
            for message in child.messages():
                self.say(Said(number, message))
            if (code := child.exit_code) is not None:
                for message in child.messages():
                    self.say(Said(number, message))
                assert self._host is not None
                self.say(Ended(number, code, self._host.was_oom_killed(child)))
                del self._children[number]
                self._host.dismiss(child)
        self._show(now)
        self._children_of.collect(now)
        if self._host is not None and now - self._sampled_at >= _SAMPLE_EVERY_S:
            self._sampled_at = now
            self._host.look_for_kills(now)
            self.say(self._sample())
        if not all(map(can_wait, self._outbox)):
            parcel = Parcel(self.incarnation, self._sent, tuple(self._outbox))
            self._sent += 1
            self._outbox.clear()
            self._send(parcel)
        if self.greeted and now - self._heard_at > SILENT_AFTER_S:
            self.is_over = True

    async def end(self) -> None:
        """End its children, and remove what they have not proved: without this connection nothing of it counts. What
        they have proved waits for the next connection, if there is one."""
        for child in self._children.values():
            if self._host is not None:
                self._host.dismiss(child)
        self._children.clear()
        if self._likeness is not None:
            self._likeness.close()
        await self._children_of.close()
        if self._host is not None and not self.problem:
            self._host.scratch.sweep(() if self._leaves else self._host.scratch.jpegs())
            self._host.scratch.remove_if_empty()

    def remove_all(self) -> None:
        """Nobody comes back to it."""
        if self._host is not None and not self.problem:
            self._host.scratch.sweep(())
            self._host.scratch.remove_if_empty()

    def _obey(self, message: object) -> None:
        match message:
            case Refuse():
                self.refused = message.why
            case Greet() if not self.greeted:
                self._greeted(message)
            case LetGo():
                self.is_over = True
            case Leave():
                self.dismissed = message.why
            case Held():
                self.held = message.why
            case CompareShare() if self._likeness is not None:
                shown = [source.path for source in message.shown.sources]
                self.refused = self.refused or conflict(self._directory, None, shown)
                self._likeness.compare(message)
            case Keep() if self._host is not None:
                self._host.scratch.sweep(message.paths)
            case Hire():
                self._hire(message)
            case Send() if message.child in self._children:
                self._children[message.child].send(message.message)
            case Kill() if message.child in self._children:
                self._children[message.child].kill()
            case Dismiss() if message.child in self._children:
                assert self._host is not None
                self._host.dismiss(self._children.pop(message.child), message.at, after_s=message.after_s)
            case RemoveFile() if self._host is not None and message.path.parent == self._host.scratch.own:
                self._host.scratch.remove(message.path)
            case RemoveAttempt() if self._host is not None:
                self._host.scratch.remove_attempt(message.image_id, message.attempt)
            case TrySpace() if self._host is not None:
                self._space_problem = self._host.scratch.space_problem(message.need_bytes)
                self._space_tried = message.number

    def _greeted(self, greet: Greet) -> None:
        self.greeted = True
        scratch = Scratch(self._directory, self._directory, greet.identity)
        store = local_path(greet.store, greet.root) if greet.store.url.startswith("file:") else None
        if (why := conflict(self._directory, store, ())) is not None:
            self.refused = why
            self.say(Joined(why, scratch.own, None))
            return
        self._host = LocalHost(self._children_of, scratch, greet.store, greet.root)
        self.problem = _scratch_problem(scratch)
        if self.problem is None:
            self._likeness = Likeness(self._children_of, greet, scratch.own, self._name)
        else:
            self.say(Joined(self.problem, scratch.own, scratch.in_memory))

    def _show(self, now: float) -> None:
        """Say what this machine can do and see, as far as that is known."""
        if (likeness := self._likeness) is None or self._host is None:
            return
        if (compared := likeness.look(now)) is not None:
            self.say(compared)
        if not likeness.is_known:
            return
        self.refused = self.refused or likeness.other_bytes
        if not self.has_joined:
            self.has_joined = self.refused is None
            scratch = self._host.scratch
            self.say(Joined(self.refused, scratch.own, scratch.in_memory, likeness.unable, scratch.jpegs()))
        elif self.refused is not None:
            self.leave(self.refused)
        elif likeness.unable != self._unable:
            self.say(Able(likeness.unable))
        self._unable = likeness.unable

    def _hire(self, order: Hire) -> None:
        assert self._host is not None
        if order.card is not None:
            child = self._host.gpu_decoder(order.card)
        else:
            child = self._host.hire(order.name) if order.store is None else self._host.uploader(order.store)
        self._children[order.child] = child
        self.say(Hired(order.child, child.pid))

    def _sample(self) -> Sample:
        assert self._host is not None
        host = self._host
        processes = tuple(
            ProcessSample(number, host.rss_bytes(child), host.activity(child))
            for number, child in self._children.items()
        )
        return Sample(
            time.time(),
            host.memory(),
            processes,
            self._children_of.stuck_names,
            host.ended_late,
            host.scratch.removal_problem(),
            self._space_problem,
            self._space_tried,
        )


def _scratch_problem(scratch: Scratch) -> str | None:
    try:
        return scratch.prepare() or scratch.make_directory()
    except UserError as error:
        return str(error)
