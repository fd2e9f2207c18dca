"""Nobody is let in whose invitation does not hold any more, and who is in is turned out."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LOOKS_EVERY_S = 0.5


class Gate:
    """At the port of the scheduler."""

    def __init__(self, contexts: Iterable[ssl.SSLContext], revocations: Path) -> None:
        """`contexts` are those that it listens with, `revocations` lists the certificates that do not hold any more."""
        self._contexts = list(contexts)
        self._revocations = revocations
        self._seen: tuple[int, int] | None = None
        for context in self._contexts:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0  # who comes again shows its certificate again

    def look(self, scheduler: Any) -> None:
        """Called often: if the list has changed, it holds for those too who are connected to this `Scheduler`."""
        found = self._revocations.stat()
        seen = (found.st_mtime_ns, found.st_size)
        if seen == self._seen:
            return
        self._seen = seen
        text = self._revocations.read_text("ascii")
        for context in self._contexts:
            context.load_verify_locations(cafile=self._revocations)
        void = _numbers(text)
        for connection in list(scheduler._comms):
            certificate = connection.extra_info.get("peercert") or {}
            if int(certificate.get("serialNumber", "0"), 16) in void:
                connection.abort()


def _numbers(text: str) -> set[int]:
    from cryptography import x509

    return {revoked.serial_number for revoked in x509.load_pem_x509_crl(text.encode())}
