"""What the GPUs do, in a few words and in a line each."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from engine.control.gpu_snapshot import GpuSnapshot, GpuState
from engine.control.snapshot import Snapshot
from engine.formatting import counted, integer, memory_size, percent, three_figures


def gpus_of(snapshot: Snapshot) -> tuple[GpuSnapshot, ...]:
    return () if snapshot.gpus is UNSET else snapshot.gpus


def busy_share(gpu: GpuSnapshot) -> float:
    """As the driver says, or as its process does; 0 to 1."""
    return gpu.busy if gpu.utilisation is None else gpu.utilisation


def short_gpus(gpus: Iterable[GpuSnapshot]) -> str:
    """`GPU 612 Mpx/s`, `GPU closed`; empty without one."""
    listed = list(gpus)
    if not listed:
        return ""
    at_work = [gpu for gpu in listed if gpu.state is GpuState.READY]
    if at_work:
        return f"GPU {three_figures(sum(gpu.megapixels_per_s for gpu in at_work))} Mpx/s"
    starts = any(gpu.state is not GpuState.CLOSED for gpu in listed)
    return "GPU starts" if starts else "GPU closed"


def gpu_name(gpu: GpuSnapshot) -> str:
    """With its machine, where there are several."""
    return gpu.name if gpu.host is UNSET else f"{gpu.name} on {gpu.host}"


def gpu_line(gpu: GpuSnapshot) -> str:
    """`H200 0: 612 megapixels/s, 1,204 images, 98 % busy, 15.0 GiB of 140 GiB; 12 left to the cores (lossy 12)`."""
    if gpu.state is GpuState.CLOSED:
        return f"{gpu_name(gpu)}: not used any more in this run: {gpu.problem}"
    if gpu.state is not GpuState.READY:
        ended = f", after its process {gpu.problem}" if gpu.problem else ""
        return f"{gpu_name(gpu)}: starts{ended}"
    parts = [f"{three_figures(gpu.megapixels_per_s)} megapixels/s", counted(gpu.images, "image")]
    if gpu.utilisation is not None:
        parts.append(f"{percent(gpu.utilisation, 1)} busy")
    if gpu.memory is not None and gpu.memory_total is not None:
        parts.append(f"{memory_size(gpu.memory)} of {memory_size(gpu.memory_total)}")
    told = f"{gpu_name(gpu)}: {', '.join(parts)}"
    if not gpu.refused:
        return told
    reasons = ", ".join(f"{reason} {integer(count)}" for reason, count in gpu.refused.items())
    return f"{told}; {integer(sum(gpu.refused.values()))} left to the cores ({reasons})"
