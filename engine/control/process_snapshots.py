"""What the snapshot says of the processes that convert, and of those that no signal ends."""

from __future__ import annotations

from msgspec import Struct

from engine.control.numbers import Count, Number
from engine.failures import Stage

_SHOWN_AS_HANGING_S = 5.0


class LeftBehind(Struct, frozen=True):
    """A child of the engine that no signal ends: the kernel keeps it in a read or a write that never returns.

    Nothing that it does counts, and it ends when that returns."""

    pid: Count
    name: str
    """What it was: a worker, the surveyor or the uploader."""
    image_id: Count | None
    image: str
    """The target; empty if it had none."""
    path: str
    """What it was at; empty if that is not known."""
    since: Number
    """When it was killed, Unix time, s."""

    def __str__(self) -> str:
        """`process 4711 (photostat-worker-2), at /mnt/scans/a.jp2 for image 12 (plates/…/a.jpg)`."""
        what = f"process {self.pid} ({self.name})"
        if self.path:
            what += f", at {self.path}"
        if self.image_id is not None:
            what += f" for image {self.image_id}"
        return f"{what} ({self.image})" if self.image else what


class WorkerSnapshot(Struct, frozen=True):
    slot: Count
    pid: Count | None
    phase: Stage
    image_id: Count | None
    image: str
    """The target's file name; empty when idle."""
    megapixels: Number | None
    seconds: Number | None
    """In this image."""
    rss_bytes: Count | None
    predicted_bytes: Count | None
    threads: Count = 1
    started: Number | None = None
    """When this attempt began, Unix time, s."""
    predicted_seconds: Number | None = None
    """How long images of this kind and size have taken here; None while nobody can know."""
    overdue: bool = False
    """It takes far longer than that, and longer than any of its like."""
    quiet_seconds: Number | None = None
    """For so long it has read and written nothing and not used the processor."""
    host: str = "here"
    """The machine that it is on; `here` is the engine's own."""

    @property
    def key(self) -> str:
        """`3`, or on another machine `conv2/3`."""
        return str(self.slot) if self.host == "here" else f"{self.host}/{self.slot}"

    @property
    def hangs_s(self) -> float | None:
        """For so long it has been waiting, if that is long enough to be shown."""
        quiet = self.quiet_seconds
        return quiet if quiet is not None and quiet >= _SHOWN_AS_HANGING_S else None
