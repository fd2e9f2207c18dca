"""Unexpected errors while the app has the terminal: a log has the traceback, the person sees one line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.worker import WorkerFailed

from engine.failures import one_line
from engine.formatting import visible_lines

_LOG = logging.getLogger("photostat.app")


class AppCrash(Exception):
    """The app ended with an error; the message says so in one line."""


class CrashLog(logging.Handler):
    """Appends to `path`, which is made with the first record. Errors of writing are ignored."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.WARNING)
        self.path = path
        self.written = False
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(visible_lines(self.format(record)) + "\n")
        except OSError:
            return
        self.written = True


@contextmanager
def crashes_logged(path: Path) -> Iterator[CrashLog]:
    """Errors of threads, and warnings of libraries, go to the log at `path` and not to the terminal."""
    log, hook = CrashLog(path), threading.excepthook
    logging.getLogger().addHandler(log)
    threading.excepthook = _log_thread_error
    try:
        yield log
    finally:
        threading.excepthook = hook
        logging.getLogger().removeHandler(log)


def _log_thread_error(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "?"
    error = arguments.exc_value
    if error is not None:
        _LOG.error("the thread %s ended with an error", name, exc_info=error)


def crash_of(error: Exception, log: CrashLog) -> AppCrash:
    """Writes the error to the log; returns the exception to raise, which names the log."""
    cause = error.error if isinstance(error, WorkerFailed) else error
    _LOG.error("the app crashed", exc_info=cause)
    what = one_line(f"{type(cause).__name__}: {cause}").rstrip(".")
    where = f"{log.path} has the details" if log.written else "PHOTOSTAT_TRACEBACK=1 shows the details"
    crash = AppCrash(
        f"the app crashed ({what}). The engine is not affected; `photostat` opens the app again. "
        f"Please report it: {where}"
    )
    crash.__cause__ = cause
    return crash
