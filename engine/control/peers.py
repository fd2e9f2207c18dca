"""Who is at the other end of a Unix socket, as the kernel says it: what a peer says of itself proves nothing."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

from msgspec import Struct

from engine.ledger.lock import Holder

_UCRED = struct.Struct("3i")
"""pid, uid, gid: struct ucred in unix(7)."""
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
_XUCRED = struct.Struct("=IIh2x16I")
"""Version, uid, number of groups, groups: struct xucred in sys/ucred.h of macOS, where sys/un.h has the options."""


class Peer(Struct, frozen=True):
    uid: int
    pid: int
    """0 if it has none here: it is in another process namespace."""


def peer_of(connection: socket.socket) -> Peer | None:
    """The process that connected, or that listens; None where the system does not tell (neither Linux nor macOS)."""
    if sys.platform == "linux":
        pid, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        return Peer(uid, pid)
    if sys.platform == "darwin":
        _, uid, *_ = _XUCRED.unpack(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size))
        return Peer(uid, connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID))
    return None


def why_not_the_engine(peer: Peer | None, holder: Holder, root: Path) -> str | None:
    """What is wrong with the process that listens in place of the lock's holder, in words; None if it is right.

    A person's engine is their own. Root also asks the engine of whoever owns the workspace."""
    if peer is None:  # then the socket's directory is all that keeps others out
        return None
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0:
        trusted.add(root.stat().st_uid)
    if peer.uid not in trusted:
        return f"another user (uid {peer.uid}) listens in its place, and is not believed"
    if peer.pid not in (0, holder.pid) and holder.is_here:
        return f"another process (pid {peer.pid}) listens in its place, and is not believed"
    return None


def may_order(peer: Peer | None) -> bool:
    """Whether a client may give orders to this engine: its user and root may."""
    return peer is None or peer.uid in (0, os.geteuid())
