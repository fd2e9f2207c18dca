"""What the GPUs do, in a few words and in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET
from rich.cells import cell_len

from engine.control.gpu_snapshot import GpuSnapshot, GpuState
from engine.control.snapshot import Snapshot
from engine.formatting import counted, integer, memory_size, percent, three_figures
from tui.terminal.text import fit, told_apart

_MAKER = "NVIDIA "
_LONGEST_HOST, _SHORTEST_MODEL = 16, 4


def gpus_of(snapshot: Snapshot) -> tuple[GpuSnapshot, ...]:
    return () if snapshot.gpus is UNSET else snapshot.gpus


def busy_share(gpu: GpuSnapshot) -> float:
    """As the driver says, or as its process does; 0 to 1."""
    return gpu.busy if gpu.utilisation is None else gpu.utilisation


def gpu_name(gpu: GpuSnapshot) -> str:
    """With its machine, where there are several."""
    return gpu.name if gpu.host is UNSET else f"{gpu.name} on {gpu.host}"


def gpu_labels(gpus: Sequence[GpuSnapshot], columns: int) -> list[str]:
    """A name for each in at most `columns`, all cut alike. Its number and its machine stay, the model is cut first."""
    for shorter in (str, _without_maker):
        names = [shorter(gpu_name(gpu)) for gpu in gpus]
        if max(map(cell_len, names), default=0) <= columns:
            return names
    hosts = told_apart(["" if gpu.host is UNSET else gpu.host for gpu in gpus], _LONGEST_HOST)
    return [_label(gpu, host, columns) for gpu, host in zip(gpus, hosts, strict=True)]


def _label(gpu: GpuSnapshot, host: str, columns: int) -> str:
    model, _, number = _without_maker(gpu.name).rpartition(" ")
    if not number.isdigit():
        model, number = gpu.name, ""
    which = " ".join(filter(None, (number, f"on {host}" if host else "")))
    room = columns - cell_len(which) - 1
    return fit(f"{fit(model, room)} {which}".rstrip() if room >= _SHORTEST_MODEL else which, columns)


def _without_maker(name: str) -> str:
    return name.removeprefix(_MAKER)


def gpus_that_need_you(gpus: Sequence[GpuSnapshot]) -> str:
    """Those that are closed: the run goes on, but it may take much longer; empty if none is."""
    closed = [gpu for gpu in gpus if gpu.state is GpuState.CLOSED]
    if len(closed) > 1:
        return f"{integer(len(closed))} of {counted(len(gpus), 'GPU')} are not used any more: e says why."
    return f"{gpu_name(closed[0])} is not used any more: e says why." if closed else ""


def gpu_line(gpu: GpuSnapshot) -> str:
    """`H200 0: 612 megapixels/s, 1,204 images, 98 % busy, 15.0 GiB of 140 GiB; 12 left to the cores (lossy 12)`."""
    if gpu.state is GpuState.CLOSED:
        return f"{gpu_name(gpu)}: not used any more in this run: {gpu.problem}"
    if gpu.state is not GpuState.READY:
        ended = f", after its process {gpu.problem}" if gpu.problem else ""
        return f"{gpu_name(gpu)}: starts{ended}"
    parts = [f"{three_figures(gpu.megapixels_per_s)} megapixels/s", counted(gpu.images, "image")]
    parts.append(f"{percent(busy_share(gpu), 1)} busy")
    if gpu.memory is not None and gpu.memory_total is not None:
        parts.append(f"{memory_size(gpu.memory)} of {memory_size(gpu.memory_total)}")
    told = f"{gpu_name(gpu)}: {', '.join(parts)}"
    if not gpu.refused:
        return told
    reasons = ", ".join(f"{reason} {integer(count)}" for reason, count in gpu.refused.items())
    return f"{told}; {integer(sum(gpu.refused.values()))} left to the cores ({reasons})"
