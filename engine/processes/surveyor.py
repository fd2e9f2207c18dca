"""The surveyor process: before an image starts, it checks that the source is there and reads its header."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from msgspec import structs

from engine.failures import SOURCE_CAUSES, Cause, Failure, ImageError, Stage, unforeseen_text
from engine.files.regular_files import open_bytes
from engine.jp2.file_reader import source_error
from engine.jp2.survey import survey_source
from engine.messages import (
    MissingSource,
    NotSurveyed,
    ProbeSource,
    ReadSource,
    ShareAway,
    SourceDiagnosis,
    SourceProbed,
    Surveyed,
    SurveyProgress,
    SurveyRequest,
)
from engine.processes.child import tie_to_parent
from engine.processes.share_check import AWAY_ERRORS, ShareCheck

_REPORTS_EVERY_S = 1.0
_BEGINNING_BYTES = 4096


def surveyor_main(connection: Connection[Any, Any], parent_pid: int, root: str) -> None:
    """The process's main; ends with its pipe.

    Answers a list of SurveyRequest by SurveyProgress, a MissingSource by a SourceDiagnosis, a ProbeSource and a
    ReadSource by a SourceProbed. `root` is the directory before relative sources, absolute, or empty."""
    tie_to_parent(parent_pid, killed_first=False)
    check = ShareCheck(root)
    surveys = _Surveys(connection, check)
    while True:
        try:
            message = connection.recv()
            match message:
                case ProbeSource():
                    connection.send(SourceProbed(_probe(check, message)))
                case ReadSource():
                    connection.send(SourceProbed(_read_beginning(message.source_path)))
                case MissingSource():
                    connection.send(diagnose(check, message))
                case _:
                    surveys.answer(message)
        except (EOFError, OSError):
            return


class _Surveys:
    """Reads headers one after another; a thread beside it reports where it is, because a read may never return."""

    def __init__(self, connection: Connection[Any, Any], check: ShareCheck) -> None:
        self._connection = connection
        self._check = check
        self._lock = threading.Lock()
        self._found: list[Surveyed | NotSurveyed] = []
        self._reading: int | None = None
        self._since = 0.0
        threading.Thread(target=self._report, daemon=True).start()

    def answer(self, requests: Sequence[SurveyRequest]) -> None:
        for request in requests:
            with self._lock:
                self._reading, self._since = request.image_id, time.monotonic()
            found = _look(self._check, request)
            with self._lock:
                self._found.append(found)
        with self._lock:
            self._reading = None
            self._send()

    def _report(self) -> None:
        while True:
            time.sleep(_REPORTS_EVERY_S)
            with self._lock:
                if self._reading is not None:
                    try:
                        self._send()
                    except OSError:
                        return  # the engine is gone; the process ends with its pipe

    def _send(self) -> None:
        found, self._found = tuple(self._found), []
        self._connection.send(SurveyProgress(found, self._reading, time.monotonic() - self._since))


def _read_beginning(path: str) -> str | None:
    """Returns as soon as the share has answered: None, or its error if that is one of a share that is away."""
    try:
        with open_bytes(path) as source:
            source.read(_BEGINNING_BYTES)
    except OSError as error:
        return f"{path}: {error.strerror}" if error.errno in AWAY_ERRORS else None
    return None


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


def _digest(request: SurveyRequest) -> str:
    """Raises OSError."""
    make = partial(hashlib.new, request.digest, usedforsecurity=False)
    with open_bytes(request.source_path) as source:
        return f"{request.digest}:{hashlib.file_digest(source, make).hexdigest()}"


def _look(check: ShareCheck, request: SurveyRequest) -> Surveyed | NotSurveyed:
    try:
        surveyed = survey_source(request)
        if request.digest:
            surveyed = structs.replace(surveyed, source_digest=_digest(request))
    except ImageError as error:
        return NotSurveyed(request.image_id, error.failure)
    except OSError as error:  # of reading all of it
        failure = source_error(error, request.source_path).failure
        return NotSurveyed(request.image_id, failure)
    except Exception as error:  # noqa: BLE001 - an unforeseen header costs its own image only
        message = unforeseen_text(error)
        return NotSurveyed(request.image_id, Failure(Cause.INTERNAL, Stage.READING, message))
    check.remember(request.source_path, request.uuid)
    return surveyed
