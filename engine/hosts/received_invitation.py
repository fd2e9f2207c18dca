"""An invitation that comes through standard input, so that it is on no disk and no command line."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from engine.failures import UserError
from engine.hosts.credentials import FROM_WHERE_SSH_COMES
from engine.hosts.invitations import Invitation

_LONGEST_BYTES = 1 << 20


def invitation_of_stdin() -> Invitation:
    """Reads no more than the invitation: its private key is the last of it. Raises UserError if it is none."""
    data = b""
    while not _is_whole(data) and len(data) < _LONGEST_BYTES:
        chunk = os.read(sys.stdin.fileno(), 4096)
        if not chunk:
            break
        data += chunk
    invitation = Invitation.of_text(data.decode("ascii", "replace"), "what standard input has")
    return replace(invitation, address=_reached(invitation.address, os.environ.get("SSH_CONNECTION", "")))


def _is_whole(data: bytes) -> bool:
    _, begins, rest = data.rpartition(b"-----BEGIN ")
    label = rest.partition(b"-----")[0]
    return bool(begins) and label.endswith(b"PRIVATE KEY") and b"-----END " + label + b"-----" in rest


def _reached(address: str, connection: str) -> str:
    """`connection` as sshd has it: `CLIENT PORT SERVER PORT`."""
    host, _, port = address.removeprefix("tls://").rpartition(":")
    if host != FROM_WHERE_SSH_COMES:
        return address
    client = connection.partition(" ")[0]
    if not client:
        raise UserError(
            "where the engine is cannot be seen here (there is no SSH_CONNECTION): set [cluster] address there"
        )
    return f"tls://[{client}]:{port}" if ":" in client else f"tls://{client}:{port}"
