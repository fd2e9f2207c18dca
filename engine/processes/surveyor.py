"""The surveyor process: before an image starts, it checks that the source is there and reads its header."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, one_line
from engine.jp2.survey import survey_source
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    ShareAway,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyRequest,
)
from engine.processes.child import tie_to_parent
from engine.processes.share_check import ShareCheck


def surveyor_main(connection: Connection[Any, Any], parent_pid: int, root: str) -> None:
    """The process's main; ends with its pipe.

    Answers a list of SurveyRequest by a list of Surveyed and NotSurveyed, a MissingSource by a SourceDiagnosis, a
    ProbeSource by a SourceProbed. `root` is the directory before relative sources, absolute, or empty."""
    tie_to_parent(parent_pid, killed_first=False)
    check = ShareCheck(root)
    while True:
        try:
            message = connection.recv()
            match message:
                case ProbeSource():
                    connection.send(SourceProbed(_probe(check, message)))
                case MissingSource():
                    connection.send(diagnose(check, message))
                case _:
                    connection.send([_look(check, request) for request in message])
        except (EOFError, OSError):
            return


def _probe(check: ShareCheck, probe: ProbeSource) -> str | None:
    """None as soon as one of the sources that were missing no longer shows that the share is away."""
    found = [_away(check, missing) for missing in probe.missing]
    away = found[-1] if found else None
    return away.detail if away and None not in found else None


def diagnose(check: ShareCheck, missing: MissingSource) -> SourceDiagnosis:
    """The source as it is now, and why the share must be away if it is."""
    found = _look(check, missing.request)
    away = _away(check, missing) if _is_unreadable(found) else None
    if _is_unreadable(found) and away is None:  # the share may have come back after the first look
        found = _look(check, missing.request)
    return SourceDiagnosis(found, away)


def _is_unreadable(found: Surveyed | NotSurveyed) -> bool:
    return isinstance(found, NotSurveyed) and found.failure.cause in SOURCE_CAUSES


def _away(check: ShareCheck, missing: MissingSource) -> ShareAway | None:
    return check.away(missing.request.source_path, missing.request.uuid, missing.neighbours)


def _look(check: ShareCheck, request: SurveyRequest) -> Surveyed | NotSurveyed:
    try:
        surveyed = survey_source(request)
    except ImageError as error:
        return NotSurveyed(request.image_id, error.failure)
    except Exception as error:  # noqa: BLE001 - an unforeseen header costs its own image only
        message = one_line(f"{type(error).__name__}: {error}")
        return NotSurveyed(request.image_id, Failure(Cause.INTERNAL, Stage.READING, message))
    check.remember(request.source_path, request.uuid)
    return surveyed
