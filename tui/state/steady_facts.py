"""Two facts of a long run in words: how far the headers are read, and how much space is left."""

from __future__ import annotations

from collections.abc import Sequence

from engine import formatting
from engine.control.snapshot import Snapshot, SurveySnapshot
from engine.control.volume_snapshot import VolumeSnapshot


def survey_words(survey: SurveySnapshot) -> str:
    """`headers read 12 %, 312 failed`; empty once all are read."""
    if not survey.goes_on:
        return ""
    failed = f", {formatting.integer(survey.failed)} failed" if survey.failed else ""
    return f"headers read {formatting.percent(survey.read, survey.images)}{failed}"


def shortest_volume(snapshot: Snapshot) -> VolumeSnapshot | None:
    """The one that will be full first, if that is known of any."""
    too_small = [volume for volume in snapshot.volumes if volume.enough is False]
    return min(too_small, key=lambda volume: (volume.free or 0) - (volume.needed or 0), default=None)


def space_lines(volumes: Sequence[VolumeSnapshot]) -> list[str]:
    """`store: 1.2 TB free of 3 TB, about 1.5 TB to come`, or why nobody knows; those on one volume are one line."""
    lines: dict[str, list[str]] = {}
    for volume in volumes:
        lines.setdefault(_space_words(volume), []).append(volume.name)
    return [f"{_and(names)}: {words}" for words, names in lines.items()]


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _space_words(volume: VolumeSnapshot) -> str:
    if volume.free is None:
        return volume.problem
    words = f"{formatting.data_size(volume.free)} free of {formatting.data_size(volume.total or 0)}"
    if volume.needed is None:
        return words
    what = f"about {formatting.data_size(volume.needed)} to come"
    return f"{words}, {what}" + ("" if volume.enough else ": TOO LITTLE")


def short_space(volumes: Sequence[VolumeSnapshot]) -> str:
    """`free: store 1.2 TB, scratch and ledger 40 GB`; `disk 40 GB free` if all have the same; empty if unknown."""
    groups: dict[str, list[str]] = {}
    for volume in volumes:
        if volume.free is not None:
            groups.setdefault(formatting.data_size(volume.free), []).append(volume.name)
        elif volume.path:
            groups.setdefault("?", []).append(volume.name)
    if len(groups) == 1 and "?" not in groups:
        return f"disk {next(iter(groups))} free"
    known = ", ".join(f"{' and '.join(names)} {free}" for free, names in groups.items())
    return f"free: {known}" if known else ""
