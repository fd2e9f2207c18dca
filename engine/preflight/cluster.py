"""Why a run with `[cluster]` would not start: what is not installed, or where it cannot listen."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from engine.config import ClusterSettings
from engine.config.cluster_extra import missing_extra
from engine.config.tls_files import tls_texts
from engine.control.snapshot import HoldReason
from engine.failures import UserError
from engine.preflight.result import WouldHold


def of_the_cluster(cluster: ClusterSettings, root: Path, *, engine_runs: bool) -> Iterator[WouldHold]:
    """An engine that runs has the port itself. `root` is the workspace."""
    if not cluster.lets_others_join:
        return
    if why := missing_extra():
        yield WouldHold(HoldReason.HOSTS, f"no run starts: [cluster] {why}, or take the section out")
    if cluster.listen and not engine_runs and (why := listen_problem(cluster.listen)):
        yield WouldHold(HoldReason.HOSTS, f'no run starts: [cluster] listen = "{cluster.listen}": {why}')
    if cluster.scheduler and (why := _tls_problem(cluster, root)):
        yield WouldHold(HoldReason.HOSTS, f"no run starts: {why}")


def _tls_problem(cluster: ClusterSettings, root: Path) -> str | None:
    try:
        tls_texts(cluster.tls, root)
    except UserError as error:
        return str(error)
    return None


def listen_problem(address: str) -> str | None:
    """Why nobody can listen there, by trying; None if it works."""
    name, _, port = address.removeprefix("tls://").rpartition(":")
    try:
        found = socket.getaddrinfo(name.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return f"{name} is no address of this machine: {error.strerror}"
    family, kind, protocol, _, bound = found[0]
    with contextlib.closing(socket.socket(family, kind, protocol)) as trial:
        if os.name == "posix":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the scheduler does
        try:
            trial.bind(bound)
            trial.listen(1)
        except OSError as error:
            return describe_listen_error(error)
    return None


def describe_listen_error(error: OSError) -> str:
    """With what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            return "another program listens there: `ss -ltnp` names it; end it, or take another port"
        case errno.EADDRNOTAVAIL:
            return "that is no address of this machine: take one of its own, or 0.0.0.0 for all"
        case errno.EACCES:
            return "this user may not listen there: take a port from 1024 up"
    return error.strerror or str(error)
