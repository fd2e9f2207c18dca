"""The scout process: goes ahead of the workers, looks whether each source is there, and reads its header."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from engine.children import settle_in
from engine.failures import Cause, Failure, ImageError, Stage, one_line
from engine.jp2.survey import survey_source
from engine.messages import NotSurveyed, ProbeSource, SourceProbed, Surveyed, SurveyRequest
from engine.stages.source import SourceWatch

_SOURCE_CAUSES = frozenset({Cause.SOURCE_MISSING, Cause.SOURCE_UNREADABLE})


def scout_main(connection: Connection[Any, Any], parent_pid: int, root: str) -> None:
    """Answers each list of SurveyRequest by a list of results, and each ProbeSource; ends when its pipe ends.

    `root` is the directory before relative sources, absolute, or empty.
    """
    settle_in(parent_pid, killed_first=False)
    watch = SourceWatch(root)
    while True:
        try:
            message = connection.recv()
            if isinstance(message, ProbeSource):
                connection.send(SourceProbed(_probe(watch, message)))
            else:
                connection.send([_look(watch, request, message) for request in message])
        except (EOFError, OSError):
            return


def _probe(watch: SourceWatch, probe: ProbeSource) -> str | None:
    """Well again when one of the sources that showed the trouble shows none."""
    found = [watch.away(path, probe.source_paths) for path in probe.source_paths]
    return None if not found or None in found else found[-1]


def _look(
    watch: SourceWatch, request: SurveyRequest, others: Sequence[SurveyRequest]
) -> Surveyed | NotSurveyed:
    try:
        surveyed = survey_source(request)
    except ImageError as error:
        away = None
        if error.failure.cause in _SOURCE_CAUSES:
            away = watch.away(request.source_path, [other.source_path for other in others])
        return NotSurveyed(request.image_id, error.failure, away)
    except Exception as error:  # noqa: BLE001 - a header nobody foresaw costs its own image only
        message = one_line(f"{type(error).__name__}: {error}")
        return NotSurveyed(request.image_id, Failure(Cause.INTERNAL, Stage.READING, message))
    watch.saw(request.source_path)
    return surveyed
