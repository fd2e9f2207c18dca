"""Whether the decoding process is at work: said by a thread of its own to workers that have waited long.

A large batch takes its time, and requests behind it wait; a process that is stopped, or a library that never comes
back, must not be waited for.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time

from engine.gpu.protocol import new_socket, peer_uid

TURN_S = 20.0
"""A turn of the process's loop takes less, without what is decoded in it."""
_ANSWERS_WITHIN_S = 5.0
_AT_WORK = b"at work"
_BACKLOG = 128


def _address_of(decoder: str) -> str:
    return f"{decoder}-pulse"


class Pulse:
    """In the decoding process."""

    def __init__(self, decoder: str) -> None:
        """`decoder` is the address at which the process takes requests."""
        self._listener = new_socket()
        self._listener.bind(_address_of(decoder))
        self._listener.listen(_BACKLOG)
        self._due = 0.0
        self.expect(0.0)
        threading.Thread(target=self._answer, name="pulse", daemon=True).start()

    def expect(self, decoding_s: float) -> None:
        """A turn begins, in which what is decoded takes so long at most."""
        self._due = time.monotonic() + TURN_S + decoding_s

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                time.sleep(1.0)  # there are no more descriptors
                continue
            with connection, contextlib.suppress(OSError):
                if time.monotonic() < self._due:
                    connection.send(_AT_WORK)


def is_at_work(decoder: str) -> bool:
    """Asked by a worker."""
    try:
        with new_socket() as connection:
            connection.settimeout(_ANSWERS_WITHIN_S)
            connection.connect(_address_of(decoder))
            return peer_uid(connection) == os.getuid() and connection.recv(len(_AT_WORK)) == _AT_WORK
    except OSError:
        return False
