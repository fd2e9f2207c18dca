"""What `check` prints of GPUs."""

from __future__ import annotations

from typing import Any

from engine.deep_check.results import GPU, DeepReport, Outcome
from engine.formatting import counted, integer
from engine.preflight.gpu_outlook import GpuOutlook
from tui.commands.shared.output import print_line, print_table


def gpu_document(outlook: GpuOutlook) -> dict[str, Any]:
    return {
        "setting": outlook.setting,
        "cards": list(outlook.cards),
        "problem": outlook.problem or None,
        "unused": outlook.unused or None,
        "images": outlook.images,
        "refused": dict(outlook.refused.most_common()),
        "kinds": [
            {"kind": kind.to_json(), "images": images, "refused": reason or None}
            for (kind, reason), images in outlook.kinds.most_common()
        ],
    }


def gpu_fact(outlook: GpuOutlook) -> str:
    """`H200 0: 12 images; 3 left to the cores (irreversible wavelet 3)`; or why none is used."""
    if outlook.unused:
        return f"not used: {outlook.unused}"
    told = f"{', '.join(outlook.cards)}: {counted(outlook.images, 'image')}"
    if not outlook.refused:
        return told
    reasons = ", ".join(f"{reason} {integer(count)}" for reason, count in outlook.refused.most_common())
    return f"{told}; {integer(outlook.refused.total())} left to the cores ({reasons})"


def print_gpu_kinds(outlook: GpuOutlook | None, report: DeepReport) -> None:
    """For each kind of file, whether a GPU would decode it: by its headers, and by what came of the sample."""
    if outlook is None or not outlook.cards or not outlook.kinds:
        return
    print_line()
    found = [
        (image.image.kind, one) for image in report.images for one in image.comparisons if one.way == GPU
    ]
    refused = {kind: one.message for kind, one in found if one.outcome is Outcome.NO_OPINION}
    differ = {kind for kind, one in found if one.is_bad}
    rows = [
        (integer(images), _by_gpu(reason or refused.get(kind, ""), kind in differ), kind.describe())
        for (kind, reason), images in outlook.kinds.most_common()
    ]
    print_table(("images", "by the GPU", "kind"), rows, right=("images",))


def _by_gpu(reason: str, differs: bool) -> str:
    if differs:
        return "no: it differs from OpenJPEG"
    return f"no: {reason}" if reason else "yes"
