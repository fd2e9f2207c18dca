"""The GPUs of one machine: their decoding processes, for which images they are used, and when they are closed.

A process that ends is started again after growing pauses; at its third end its GPU is closed for the run. No image
fails for that: its worker decodes it with OpenJPEG, in the same attempt.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from engine.config import EngineSettings
from engine.control.gpu_snapshot import GPU_SPAN_S, GPU_SPANS_KEPT, GpuSnapshot, GpuSpan, GpuState
from engine.formatting import counted
from engine.gpu.cards import Card, cards, why_no_cards
from engine.gpu.kind_locks import KindLocks, Trust
from engine.gpu.memory import decoding_bytes, staging_bytes
from engine.gpu.protocol import memory_bytes
from engine.gpu.refusals import OF_ONE_IMAGE, Refusal
from engine.gpu.split import GpuQueue, core_seconds, extra_workers, first_to_decode, measured_rate
from engine.gpu_messages import (
    GpuFailed,
    GpuFigures,
    GpuOutcome,
    GpuReady,
    GpuSlowCopies,
    GpuUnusable,
    GpuUse,
)
from engine.hosts.base import ChildProcess, Host
from engine.hosts.children import Children
from engine.hosts.local import start_gpu_decoder
from engine.ledger.models import PendingImage, Subject
from engine.ledger.states import EventKind
from engine.messages import PixelsBy, Plan, Quit, Surveyed
from engine.processes.child import describe_exit
from engine.supervisor.event_log import EventLog

_PAUSES_S = (1.0, 15.0)
"""Before a process that has ended is started again; there are no more starts than pauses and one."""
_STARTS_WITHIN_S = 120.0
"""Loading CUDA takes some seconds, on a busy machine many."""
_RATE_OVER_S = 60.0
_FEWEST_TIMES, _KEPT_TIMES = 10, 50
"""Conversions with a GPU's pixels that show how long workers wait for it."""


class _Gpu(Struct):
    card: Card
    name: str
    state: GpuState = GpuState.WAITING
    child: ChildProcess | None = None
    address: str = ""
    ends: int = 0
    start_at: float = 0.0
    """Monotonic, s."""
    why: str = ""
    """Of its last end, or of being closed."""
    failed: str = ""
    """Why the process that runs says that it ends."""
    images: int = 0
    """Of all its processes."""
    figures: GpuFigures | None = None
    """Of the process that runs."""
    seen: list[tuple[float, int, float]] = field(default_factory=list)
    """When how many pixels had been decoded, in how many seconds."""
    refused: Counter[str] = field(default_factory=Counter)
    budget_bytes: int | None = None
    """What decoding may take on the card; None if nobody knows."""

    spans: deque[GpuSpan] = field(default_factory=lambda: deque(maxlen=GPU_SPANS_KEPT))
    span_began: tuple[float, int, float] | None = None
    """When the span that grows began, and what had been decoded then."""

    def look(self, now: float) -> None:
        """Close a span that is over."""
        figures = self.figures
        pixels, busy_s = (figures.pixels, figures.busy_s) if figures else (0, 0.0)
        if self.span_began is None or pixels < self.span_began[1]:
            self.span_began = now, pixels, busy_s
        began, pixels_then, busy_s_then = self.span_began
        if (passed_s := now - began) < GPU_SPAN_S:
            return
        share = min(1.0, (busy_s - busy_s_then) / passed_s)
        if figures and figures.utilisation is not None:
            share = figures.utilisation
        used = figures.memory_used_bytes or 0 if figures else 0
        megapixels_per_s = round((pixels - pixels_then) / 1e6 / passed_s, 1)
        self.spans.append(GpuSpan(round(100 * share), used >> 20, megapixels_per_s))
        self.span_began = now, pixels, busy_s

    def takes(self, gpu_bytes: int) -> bool:
        return self.budget_bytes is None or gpu_bytes <= self.budget_bytes

    @property
    def rate_at_work(self) -> float:
        """Megapixels a second while it decodes."""
        figures = self.figures
        return measured_rate(figures.pixels / 1e6 if figures else 0.0, figures.busy_s if figures else 0.0)

    def lately(self, now: float) -> tuple[float, float]:
        """Megapixels a second, and the share of the time in which it decoded, over the last minute."""
        while len(self.seen) > 2 and self.seen[1][0] < now - _RATE_OVER_S:
            del self.seen[0]
        if len(self.seen) < 2:
            return 0.0, 0.0
        (first, pixels, busy_s), (_, pixels_now, busy_s_now) = self.seen[0], self.seen[-1]
        passed_s = max(1.0, now - first)
        return (pixels_now - pixels) / 1e6 / passed_s, min(1.0, (busy_s_now - busy_s) / passed_s)


class Processes(Struct, frozen=True):
    """How decoding processes are started on a machine, and dismissed after so many seconds."""

    start: Callable[[Card], ChildProcess]
    dismiss: Callable[[Any, float], None]


def processes_here(children: Callable[[], Children]) -> Processes:
    return Processes(
        lambda card: start_gpu_decoder(children(), card),
        lambda child, after_s: children().dismiss(child, after_s=after_s),
    )


def processes_of(host: Host) -> Processes:
    return Processes(host.gpu_decoder, lambda child, after_s: host.dismiss(child, after_s=after_s))


class DifferingKinds(Struct, frozen=True):
    """Of a workspace: all its machines, and all its runs."""

    closed: set[str]
    """The kinds of which a GPU has decoded an image otherwise than OpenJPEG, as texts."""
    made_by_gpu: Callable[[str], int]
    """How many JPEGs of a kind have a GPU's pixels."""


class Gpus:
    def __init__(
        self,
        settings: EngineSettings,
        processes: Processes,
        events: EventLog,
        found: Sequence[Card] | None = None,
        none_there: str = "",
        differing: DifferingKinds | None = None,
    ) -> None:
        """Of another machine: `found` are its cards; if there are none, `none_there` says why."""
        self._settings, self._processes, self._events = settings, processes, events
        self._differing = differing or DifferingKinds(set(), lambda kind: 0)
        self._locks = KindLocks(self._differing.closed)
        self._gpus: list[_Gpu] = []
        self.fatal_problem: str | None = None
        """Why a run that requires a GPU cannot go on."""
        self._had_any = False
        self._decoded: Counter[str] = Counter()
        self._took: deque[tuple[float, float]] = deque(maxlen=_KEPT_TIMES)
        """Wall and CPU time of conversions with a GPU's pixels, s."""
        self._now = 0.0
        """Of the last look."""
        self.may_add_workers = False
        """Nobody has said how many workers there are to be."""
        if settings.gpu != "off":
            self._gpus = [_Gpu(card, card.name) for card in (cards() if found is None else found)]
        if settings.gpu == "require" and not self._gpus:
            why = none_there or why_no_cards()
            self.fatal_problem = f'gpu = "require" under [engine], and {why}; with "auto" the cores decode'

    # -- at every turn of the loop ----

    def look(self, now: float) -> None:
        """Take what the processes have sent, and start those that are due."""
        self._now = now
        for gpu in self._gpus:
            self._hear(gpu)
            gpu.look(now)
            if gpu.child is not None and gpu.child.exit_code is not None:
                self._ended(gpu, now)
            if gpu.state is GpuState.STARTING and now - gpu.start_at > _STARTS_WITHIN_S:
                self._end_hanging(
                    gpu, f"{gpu.name} is not ready after {_STARTS_WITHIN_S:.0f} s: its process is ended"
                )
            if gpu.state is GpuState.WAITING and now >= gpu.start_at:
                gpu.state, gpu.address, gpu.failed, gpu.start_at = GpuState.STARTING, "", "", now
                gpu.child = self._processes.start(gpu.card)

    def close(self) -> None:
        for gpu in self._gpus:
            if gpu.child is not None:
                gpu.child.send(Quit())
                self._processes.dismiss(gpu.child, 1.0)
                gpu.child = None

    def _hear(self, gpu: _Gpu) -> None:
        if gpu.child is not None:
            for message in gpu.child.messages():
                self._handle(gpu, message, self._now)

    def _handle(self, gpu: _Gpu, message: object, now: float) -> None:
        match message:
            case GpuReady():
                gpu.state, gpu.name, gpu.address = GpuState.READY, message.name, message.address
                gpu.seen, self._had_any = [(now, 0, 0.0)], True
                gpu.budget_bytes = message.budget_bytes
                assert gpu.child is not None
                left = len(self._differing.closed)
                but = f", but not {counted(left, 'kind')} of files of which one has differed" if left else ""
                self._events.info(EventKind.GPU, f"{gpu.name} decodes{but}", pid=gpu.child.pid)
            case GpuUnusable():
                self._close(gpu, message.why)
            case GpuFailed():
                gpu.failed = message.why
            case GpuSlowCopies():
                slow = f"{gpu.name} copies more slowly than it could: {message.why}. The images are the same"
                self._events.warning(EventKind.GPU, slow)
            case GpuFigures():
                gpu.images += message.images - (gpu.figures.images if gpu.figures else 0)
                gpu.figures, gpu.budget_bytes = message, message.budget_bytes
                gpu.seen.append((now, message.pixels, message.busy_s))

    def _ended(self, gpu: _Gpu, now: float) -> None:
        assert gpu.child is not None
        child, gpu.child, gpu.figures, gpu.seen = gpu.child, None, None, []
        self._processes.dismiss(child, 0.0)
        if gpu.state is GpuState.CLOSED:
            return
        gpu.why = f"failed ({gpu.failed})" if gpu.failed else describe_exit(child.exit_code)
        gpu.ends += 1
        if gpu.ends > len(_PAUSES_S):
            self._close(gpu, f"its process {gpu.why}, for the third time")
            return
        pause_s = _PAUSES_S[gpu.ends - 1]
        gpu.state, gpu.start_at = GpuState.WAITING, now + pause_s
        message = (
            f"the process of {gpu.name} {gpu.why}: workers decode for themselves, and it is started again in "
            f"{counted(round(pause_s), 'second')}"
        )
        self._events.warning(EventKind.GPU, message, pid=child.pid)

    def _close(self, gpu: _Gpu, why: str) -> None:
        gpu.state, gpu.why = GpuState.CLOSED, why
        self._events.warning(EventKind.GPU, f"{gpu.name} is not used any more in this run: {why}")
        closed = all(one.state is GpuState.CLOSED for one in self._gpus)
        if self._settings.gpu == "require" and closed and not self._had_any:
            self.fatal_problem = f'gpu = "require" under [engine], and none can be used: {why}'

    # -- images ----

    @property
    def is_starting(self) -> bool:
        """A run that requires a GPU waits until it is there."""
        required = self._settings.gpu == "require"
        return required and not self._had_any and any(gpu.state is not GpuState.CLOSED for gpu in self._gpus)

    def shareable_bytes(self, facts: Surveyed) -> int:
        """The memory that a worker shares with a GPU's process if this image is given to one, and what the process
        takes for it itself; 0 if it is given to none."""
        is_open = facts.kind is not None and self._locks.is_open(facts.kind.to_text())
        if not is_open or not self._that_take(facts):
            return 0
        shape = facts.height, facts.width, facts.components
        staging = staging_bytes(facts.width, facts.height, facts.components, facts.bits)
        return memory_bytes(facts.source_bytes, shape, facts.bits) + staging

    def use_for(
        self, image: PendingImage, plan: Plan, waiting: Mapping[str, float], conversion_s: float | None
    ) -> GpuUse | str | None:
        """Which GPU decodes it, or why none of those that are there can; None if there is none for its kind, or a core
        decodes it sooner.

        `waiting` are the megapixels that wait at each GPU, by its address; `conversion_s` is how long a core takes for
        such a conversion, if that is known."""
        facts, gpus = image.surveyed, self._open()
        if not gpus or facts.kind is None:
            return None
        fitting = self._that_take(facts)
        gpu = (fitting or gpus)[0]
        text = facts.kind.to_text()
        if not self._locks.differed_never(text):
            return self._left_to_cores(gpu, Refusal.DIFFERED)
        if why := self._locks.reason(text):
            return self._left_to_cores(gpu, why)
        if not fitting:
            return self._left_to_cores(gpu, Refusal.CARD_MEMORY)
        if not plan.shared_bytes:
            return self._left_to_cores(gpu, Refusal.HOST_MEMORY)
        queues = [GpuQueue(one.rate_at_work, waiting.get(one.address, 0.0)) for one in fitting]
        core_s = core_seconds(image.megapixels * max(1, facts.components), conversion_s)
        place = first_to_decode(queues, image.megapixels, core_s)
        if place is None:
            return None
        compare = self._locks.next_of(text) is Trust.COMPARE
        return GpuUse(fitting[place].address, compare, self._settings.gpu_lossy)

    def _left_to_cores(self, gpu: _Gpu, why: str) -> str:
        gpu.refused[why] += 1
        return why

    def _that_take(self, facts: Surveyed) -> list[_Gpu]:
        """The GPUs that are ready, and whose memory is large enough."""
        need = decoding_bytes(facts.source_bytes, facts.width, facts.height, facts.components, facts.bits)
        return [gpu for gpu in self._open() if gpu.takes(need)]

    def converted(self, decoded: str, wall_s: float = 0.0, cpu_s: float = 0.0) -> None:
        """A JPEG has been made, on whatever machine, from pixels that this decoded (PixelsBy); the times are those of
        a worker of this machine."""
        self._decoded[decoded] += 1
        if decoded == PixelsBy.GPU and wall_s:
            self._took.append((wall_s, cpu_s))

    def extra_workers(self, wanted: int) -> int:
        """How many more than `wanted` keep the cores busy while some wait for a GPU; none if a person has set how many
        there are."""
        if not self.may_add_workers or not self._open() or len(self._took) < _FEWEST_TIMES:
            return 0
        wall_s, cpu_s = (sum(times) for times in zip(*self._took, strict=True))
        return extra_workers(wanted, wall_s, cpu_s)

    def decoded(self) -> dict[str, int]:
        """Images of this run by what decoded them, the most frequent first."""
        return {by: count for by, count in self._decoded.most_common() if by}

    def answered(self, image: PendingImage, use: GpuUse | None, outcome: GpuOutcome) -> None:
        """What came of an image that was given to a GPU, whatever becomes of it afterwards."""
        if use is None:
            return
        kind = image.surveyed.kind
        gpu = next((one for one in self._gpus if one.address == use.address), None)
        if outcome.refused and gpu is not None:
            gpu.refused[outcome.refused] += 1
            if kind is not None and outcome.refused not in OF_ONE_IMAGE:
                self._locks.was_refused(kind.to_text(), outcome.refused)
        if outcome.gone and gpu is not None:
            self._hear(gpu)  # why, if it has said it
            message = f"{gpu.name} gave no answer ({outcome.gone}): the worker has decoded the image itself"
            self._end_hanging(gpu, message, image.subject)
        if not outcome.compared:
            self.not_answered(image, use)
        if not outcome.compared or kind is None:
            return
        if not outcome.differs:
            self._locks.was_equal(kind.to_text())
        elif self._locks.differed(kind.to_text()):
            message = (
                f"GPU and OpenJPEG decode this image differently ({outcome.differs}). Its JPEG has OpenJPEG's "
                f"pixels, and no more images of its kind are decoded by the GPU: {kind.describe()}"
            )
            if earlier := self._differing.made_by_gpu(kind.to_text()):
                has = "has" if earlier == 1 else "have"
                message += (
                    f". {counted(earlier, 'JPEG')} of this kind {has} the GPU's pixels: `photostat requeue "
                    "--gpu-differs` replaces them"
                )
            self._events.error(EventKind.GPU, message, image.subject)

    def not_answered(self, image: PendingImage, use: GpuUse | None) -> None:
        """Nothing is known of an image that was given to a GPU: its worker has ended, or the GPU did not do it."""
        if use is not None and use.compare and image.surveyed.kind is not None:
            self._locks.was_not_compared(image.surveyed.kind.to_text())

    def _end_hanging(self, gpu: _Gpu, message: str, subject: Subject | None = None) -> None:
        """It is started again like one that has died."""
        if gpu.child is None or gpu.child.exit_code is not None or gpu.child.killed_at is not None:
            return
        if not gpu.failed:
            self._events.warning(EventKind.GPU, message, subject)
        gpu.child.kill()

    def _open(self) -> Sequence[_Gpu]:
        return [gpu for gpu in self._gpus if gpu.state is GpuState.READY]

    def snapshots(self, now: float, host: str | UnsetType = UNSET) -> tuple[GpuSnapshot, ...]:
        """`host`: the machine's name, where there are several."""
        return tuple(_snapshot(gpu, now, host) for gpu in self._gpus)


def _snapshot(gpu: _Gpu, now: float, host: str | UnsetType) -> GpuSnapshot:
    figures, (megapixels_per_s, busy) = gpu.figures, gpu.lately(now)
    return GpuSnapshot(
        name=gpu.name,
        state=gpu.state,
        pid=gpu.child.pid if gpu.child else None,
        utilisation=figures.utilisation if figures else None,
        memory=None if not figures else figures.memory_used_bytes,
        memory_total=None if not figures else figures.memory_total_bytes,
        megapixels_per_s=megapixels_per_s,
        images=gpu.images,
        refused=dict(gpu.refused.most_common()),
        problem=gpu.why,
        busy=busy,
        recent=tuple(gpu.spans),
        host=host,
    )
