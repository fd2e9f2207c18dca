"""The scout process: goes ahead of the workers, looks whether each source is there, and reads its header."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from engine.children import settle_in
from engine.failures import Cause, Failure, ImageError, Stage, one_line
from engine.messages import NotSurveyed, Surveyed, SurveyRequest


def scout_main(connection: Connection[Any, Any], parent_pid: int) -> None:
    """Answers each list of SurveyRequest with a list of results; ends when its pipe ends."""
    settle_in(parent_pid, killed_first=False)
    while True:
        try:
            requests: list[SurveyRequest] = connection.recv()
            connection.send([_look(request) for request in requests])
        except (EOFError, OSError):
            return


def _look(request: SurveyRequest) -> Surveyed | NotSurveyed:
    from engine.survey import survey_source

    try:
        return survey_source(request)
    except ImageError as error:
        return NotSurveyed(request.image_id, error.failure)
    except Exception as error:  # noqa: BLE001 - a header nobody foresaw costs its own image only
        message = one_line(f"{type(error).__name__}: {error}")
        return NotSurveyed(request.image_id, Failure(Cause.INTERNAL, Stage.READING, message))
