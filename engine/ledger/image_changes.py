"""An image's way through the states, as the ledger's writer records it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from msgspec import structs

from engine.failures import Failure
from engine.gpu_messages import GPU_DIFFERS
from engine.ledger import orders, recovery, replacements
from engine.ledger.models import Recovered
from engine.ledger.statements import statements
from engine.ledger.states import AttemptOutcome, ImageState
from engine.ledger.writable import WritableLedger
from engine.messages import Converted, NotConverted, Surveyed

_SQL = statements("changes")


class NotInState(Exception):
    """The image is not in the state that the change begins in: a fault of the caller."""


class ImageChanges(WritableLedger):
    """Each change begins in the states that its docstring names, and raises NotInState otherwise."""

    def recover(self) -> list[Recovered]:
        """After an engine that died: returns what it had converted and not stored; the rest becomes pending."""
        with self.transaction():
            return recovery.recover(self._db, self._sources)

    def surveyed(self, found: Sequence[Surveyed]) -> None:
        """Keeps the headers' facts. An image that is not pending any more is left alone."""
        with self.transaction():
            now = time.time()
            kinds = [facts.kind.to_text() if facts.kind else None for facts in found]
            self._db.executemany(_SQL["add_kind"], [{"kind": kind} for kind in {*kinds} - {None}])
            rows = [
                {**structs.asdict(facts), "kind": kind, "now": now}
                for facts, kind in zip(found, kinds, strict=True)
            ]
            self._db.executemany(_SQL["survey"], rows)

    def start(
        self,
        image_id: int,
        pid: int,
        predicted_bytes: int,
        mode: str,
        correction: float = 1.0,
        host: str = "",
    ) -> int:
        """pending → in_flight; returns the attempt's number in this round, from 1.

        `mode` is a DecodeMode; `correction` is the factor in the prediction that was learnt from earlier images. `host`
        is the machine that `pid` is on; empty for the engine's own."""
        attempt = {"pid": pid, "host": host, "mode": mode}
        attempt |= {"predicted_bytes": predicted_bytes, "correction": correction}
        with self.transaction():
            now = time.time()
            self._change("start", image_id, {"host": host, "now": now}, ImageState.PENDING)
            rows = self._select(_SQL["add_attempt"], {**attempt, "image": image_id, "now": now})
            return int(rows[0]["number"])

    def converted(self, result: Converted, host: str = "") -> None:
        """A proved JPEG lies on this host's scratch: the image stays in flight until it is stored."""
        facts = {
            **structs.asdict(result),
            "warnings": _json(result.warnings),
            "host": host,
            "now": time.time(),
        }
        with self.transaction():
            self._change("converted", result.image_id, facts, ImageState.IN_FLIGHT)
            replacements.on_its_way(self._db, result.image_id, result.md5)
            self._end_attempt(result.image_id, AttemptOutcome.CONVERTED, None, result)

    def gpu_answered(self, image_id: int, word: str) -> None:
        """What came of giving an image in flight to a GPU (`GpuOutcome.word`)."""
        with self.transaction():
            self._db.execute(_SQL["gpu_answered"], {"image": image_id, "gpu": word})
            if word == GPU_DIFFERS:
                self._db.execute(_SQL["gpu_differs"], {"image": image_id})

    def done(self, image_id: int, warnings: Sequence[str] = ()) -> None:
        """in_flight → done: the object is in the store. `warnings` come after those of the conversion."""
        with self.transaction():
            now = time.time()
            self._change("done", image_id, {"now": now}, ImageState.IN_FLIGHT)
            replacements.done(self._db, image_id, now)
            self._note_later(image_id)
            for warning in warnings:
                self._db.execute(_SQL["add_warning"], {"warning": warning, "image": image_id})

    def failed(self, image_id: int, failure: Failure, facts: NotConverted | None = None) -> None:
        """pending or in_flight → failed; `facts` has what the attempt took."""
        values = {**structs.asdict(failure), "now": time.time()}
        with self.transaction():
            self._change("failed", image_id, values, ImageState.PENDING, ImageState.IN_FLIGHT)
            self._note_later(image_id)
            if facts is not None:
                measured = {"warnings": _json(facts.warnings), "peak_rss_bytes": facts.peak_rss_bytes}
                self._db.execute(_SQL["measure"], {**measured, "image": image_id})
            self._end_attempt(image_id, AttemptOutcome.FAILED, failure, facts)

    def back_to_pending(
        self, image_id: int, reason: str, counts: bool, facts: NotConverted | None = None
    ) -> None:
        """in_flight → pending, to be tried again. `counts=False` gives the attempt back: not the image's fault."""
        outcome = AttemptOutcome.AGAIN if counts else AttemptOutcome.PUT_BACK
        values = {"given_back": int(not counts), "now": time.time()}
        with self.transaction():
            self._change("back_to_pending", image_id, values, ImageState.IN_FLIGHT)
            self._end_attempt(image_id, outcome, facts.failure if facts else None, facts)
            if facts is None:
                self._db.execute(_SQL["explain_attempt"], {"reason": reason, "image": image_id})

    def _change(
        self, statement: str, image_id: int, values: Mapping[str, object], *states: ImageState
    ) -> None:
        """Raises NotInState if the image is not in one of `states`, or not as far as the statement asks for."""
        if self._db.execute(_SQL[statement], {**values, "image": image_id}).rowcount != 1:
            found = self._select(_SQL["state"], {"image": image_id})
            is_now = found[0]["state"] if found else "not there"
            raise NotInState(f"image {image_id} is {is_now}, not {' or '.join(states)}")

    def _note_later(self, image_id: int) -> None:
        """The image has just failed or is done, which no order that is in hand is about."""
        if self.has_orders:
            orders.note_later(self._db, image_id)

    def _end_attempt(
        self,
        image_id: int,
        outcome: AttemptOutcome,
        failure: Failure | None,
        facts: Converted | NotConverted | None,
    ) -> None:
        """The latest attempt of this round."""
        why = structs.asdict(failure) if failure else {"stage": None, "cause": None, "message": None}
        took = {key: getattr(facts, key, None) for key in ("peak_rss_bytes", "cpu_s", "wall_s")}
        took["decoded"] = getattr(facts, "decoded", "") or None
        values = {**why, **took, "image": image_id, "outcome": outcome, "now": time.time()}
        self._db.execute(_SQL["end_attempt"], values)


def _json(warnings: Sequence[str]) -> str:
    return json.dumps(warnings, ensure_ascii=False)
