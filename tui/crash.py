"""What nobody foresaw while the app has the terminal: written to a log and told in one line, without a traceback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.worker import WorkerFailed

_LOG = logging.getLogger("photostat.app")


class AppCrash(Exception):
    """The app could not go on and has left; the message says so in one line."""


class CrashLog(logging.Handler):
    """Appends to `path`, which is made when there is something to write; a place that takes nothing is no fault."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.WARNING)
        self.path = path
        self.written = False
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(self.format(record) + "\n")
        except OSError:
            return
        self.written = True


@contextmanager
def kept_from_the_terminal(path: Path) -> Iterator[CrashLog]:
    """Faults of threads, and what libraries would print about them, go to the log file at `path`."""
    log, hook = CrashLog(path), threading.excepthook
    logging.getLogger().addHandler(log)
    threading.excepthook = _thread_fell
    try:
        yield log
    finally:
        threading.excepthook = hook
        logging.getLogger().removeHandler(log)


def _thread_fell(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else "?"
    error = arguments.exc_value
    if error is not None:
        _LOG.error("the thread %s ended with a fault", name, exc_info=error)


def fault_of(error: Exception, log: CrashLog) -> AppCrash:
    """Writes the error to the log; the fault to raise says where that is."""
    cause = error.error if isinstance(error, WorkerFailed) else error
    _LOG.error("the app has left with a fault", exc_info=cause)
    what = " ".join(f"{type(cause).__name__}: {cause}".split()).rstrip(".")
    where = f"{log.path} has the details" if log.written else "PHOTOSTAT_TRACEBACK=1 shows the details"
    fault = AppCrash(
        f"a fault of the app ({what}): it has left, the engine has not noticed. "
        f"`photostat` opens it again; {where}: please report it"
    )
    fault.__cause__ = cause
    return fault
