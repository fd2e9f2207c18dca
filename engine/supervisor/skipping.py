"""What a person orders about one image that takes too long: its attempt ends at once, and it is set aside."""

from __future__ import annotations

import time

from engine.control.requests import SkipReply
from engine.failures import Stage, UserError
from engine.ledger.states import ImageState
from engine.supervisor.context import RunContext
from engine.supervisor.crews import Crews
from engine.supervisor.set_aside import SetAside
from engine.supervisor.surveying import Surveying

_NOTHING = "nothing was changed"


class Skipping:
    def __init__(self, run: RunContext, crews: Crews, surveying: Surveying) -> None:
        self._run = run
        self._crews = crews
        self._surveying = surveying

    def skip(self, image_id: int, started: float | None, order: SetAside) -> SkipReply:
        """`started` is when the attempt began that the person was asked about, Unix time; None is any.

        Raises UserError if no worker has the image, or another attempt at it; then nothing was changed."""
        subject = self._run.ledger.subject(image_id)
        name = subject.target.rpartition("/")[2]
        for crew in self._crews:
            slot = crew.converting.slot_of(image_id)
            if slot is None or slot.running is None:
                continue
            if started is not None and slot.running.started_at != started:
                raise UserError(f"image {image_id} ({name}) has been started again since: {_NOTHING}")
            if slot.running.set_aside is not None:
                raise UserError(f"image {image_id} ({name}) is being {slot.running.set_aside.words} already")
            crew.converting.take_away(slot, order)
            return SkipReply(image=image_id, name=name, worker=slot.number, pid=slot.child.pid)
        here = self._crews.here
        if order.fails and started is None and image_id in here.context.hung_images:
            waited_s = here.context.hung_images.forget(image_id, time.monotonic())
            self._surveying.forget(frozenset([image_id]))
            here.converting.fail_for_person(subject, order.failure(Stage.READING, waited_s))
            return SkipReply(image=image_id, name=name)
        raise UserError(f"image {image_id} ({name}) {self._why_not(image_id)}: {_NOTHING}")

    def _why_not(self, image_id: int) -> str:
        state = self._run.ledger.state_of(image_id)
        if state is ImageState.IN_FLIGHT:
            return "is with no worker any more: its JPEG waits for the store, or its source is looked at"
        if state is not ImageState.PENDING:
            return f"is {state} already"
        if image_id in self._crews.here.context.hung_images:
            return "is with no worker: its source does not answer, and others go before it already"
        return "waits, and no worker has it"
