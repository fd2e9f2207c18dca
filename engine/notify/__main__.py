"""The process beside the engine, `python -m engine.notify`: it sends what the engine tells, and tells of its death.

It is in a session of its own, and so outlives what is done to the engine's. The end of the pipe from the engine without
a goodbye is the engine's death, however it came. It ends soon after the engine, whatever the addresses do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from engine.control.launch import AFTER_THE_END
from engine.notify import from_ledger
from engine.notify.delivery import Delivery, services_at
from engine.notify.message import message_of
from engine.notify.protocol import (
    Delivered,
    Goodbye,
    Hello,
    Notice,
    NotUnderstood,
    Ready,
    ToEngine,
    from_engine,
    line_of,
    not_taken,
)
from engine.notify.services import UnknownService
from engine.workspace import Workspace

_ENDS_WITHIN_S = 40.0
"""After the engine."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They are meant for the engine, of whose end people are to be told."""


def main() -> int:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    hello = _next()
    if not isinstance(hello, Hello):
        return 1
    try:
        services = services_at(hello.urls)
    except UnknownService as unknown:
        _say(NotUnderstood(str(unknown)))
        return 2
    delivery = Delivery(services, hello.urls, _tell)
    _say(Ready())
    workspace = Workspace(Path(hello.workspace))
    while isinstance(message := _next(), Notice):
        delivery.send(message_of(message, hello, hello.workspace, from_ledger.read(workspace)))
    if not isinstance(message, Goodbye):
        _tell_of_death(workspace, hello, delivery)
    for late in delivery.finish(_ENDS_WITHIN_S):
        _tell(late)
    sys.stderr.flush()
    os._exit(0)  # whatever still hangs


def _tell_of_death(workspace: Workspace, hello: Hello, delivery: Delivery) -> None:
    notice = from_ledger.notice_of_death(workspace, hello)
    if notice is not None:
        delivery.send(message_of(notice, hello, hello.workspace, from_ledger.read(workspace)))


def _next() -> Hello | Notice | Goodbye | None:
    """What the engine says next; None at its end."""
    while (line := sys.stdin.buffer.readline()).endswith(b"\n"):
        with contextlib.suppress(msgspec.DecodeError):
            return from_engine(line)
    return None


def _tell(delivered: Delivered) -> None:
    """To the engine; what goes wrong when it has gone, to the file of its output."""
    if _say(delivered) or not delivered.problem:
        return
    with contextlib.suppress(OSError):
        print(f"{AFTER_THE_END}{not_taken(delivered)}", file=sys.stderr, flush=True)


def _say(message: ToEngine) -> bool:
    """False if the engine has gone."""
    try:
        os.write(sys.stdout.fileno(), line_of(message))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
