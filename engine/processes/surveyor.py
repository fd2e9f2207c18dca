"""The scout process: goes ahead of the workers, looks whether each source is there, and reads its header."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, one_line
from engine.jp2.survey import survey_source
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyRequest,
)
from engine.processes.child import settle_in
from engine.processes.share_check import SourceWatch


def scout_main(connection: Connection[Any, Any], parent_pid: int, root: str) -> None:
    """Answers lists of SurveyRequest by lists of results, and each MissingSource and ProbeSource; ends with its pipe.

    `root` is the directory before relative sources, absolute, or empty.
    """
    settle_in(parent_pid, killed_first=False)
    watch = SourceWatch(root)
    while True:
        try:
            message = connection.recv()
            match message:
                case ProbeSource():
                    connection.send(SourceProbed(_probe(watch, message)))
                case MissingSource():
                    connection.send(_judge(watch, message))
                case _:
                    connection.send([_look(watch, request) for request in message])
        except (EOFError, OSError):
            return


def _probe(watch: SourceWatch, probe: ProbeSource) -> str | None:
    """Well again when one of the sources that showed the trouble shows none."""
    found = [_away(watch, doubt) for doubt in probe.missing]
    return None if not found or None in found else found[-1]


def _judge(watch: SourceWatch, doubt: MissingSource) -> SourceDiagnosis:
    found = _look(watch, doubt.request)
    in_doubt = isinstance(found, NotSurveyed) and found.failure.cause in SOURCE_CAUSES
    return SourceDiagnosis(found, _away(watch, doubt) if in_doubt else None)


def _away(watch: SourceWatch, doubt: MissingSource) -> str | None:
    return watch.away(doubt.request.source_path, doubt.request.uuid, doubt.neighbours)


def _look(watch: SourceWatch, request: SurveyRequest) -> Surveyed | NotSurveyed:
    try:
        surveyed = survey_source(request)
    except ImageError as error:
        return NotSurveyed(request.image_id, error.failure)
    except Exception as error:  # noqa: BLE001 - a header nobody foresaw costs its own image only
        message = one_line(f"{type(error).__name__}: {error}")
        return NotSurveyed(request.image_id, Failure(Cause.INTERNAL, Stage.READING, message))
    watch.saw(request.source_path, request.uuid)
    return surveyed
