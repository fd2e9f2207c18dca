"""A process that reads headers for a check as the real one does, except that some sources hang it or end it."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.failures import Failure
from engine.messages import Surveyed, SurveyRequest
from engine.preflight.header_child import header_child_main, read_header


def odd_main(connection: Connection[Any, Any], parent_pid: int, longest_s: float) -> None:
    read_header(SurveyRequest(0, "/nothing/there", ""))  # so that no first time counts as hanging
    header_child_main(connection, parent_pid, longest_s, _read)


def _read(request: SurveyRequest) -> Surveyed | Failure:
    name = Path(request.source_path).name
    if "hangs" in name:
        threading.Event().wait()
    if "kills" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    return read_header(request)
