"""The engine's own Dask scheduler, a process beside it: hosts and the engine connect to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.hosts.dask_settings import configure, security_of
from engine.hosts.gate import LOOKS_EVERY_S, Gate
from engine.hosts.invitations import Credentials
from engine.processes.child import tie_to_parent


@dataclass(frozen=True)
class Listening:
    address: str


@dataclass(frozen=True)
class NotListening:
    why: str


@dataclass(frozen=True)
class TurnedAway:
    """Somebody has connected without an invitation of this workspace that holds."""

    address: str
    why: str


class _TurnedAwayHandler(logging.Handler):
    """Dask only logs them."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        match record.args:
            case (_, str(address), ssl.SSLError() as error):  # others are lost on the way
                with contextlib.suppress(OSError):
                    self._connection.send(TurnedAway(address.removeprefix("tls://"), _why(error)))


def _why(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is none of this workspace that holds now ({error.verify_message})"
    reason = error.reason or ""
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "it shows no certificate"
    if reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL"):
        return "it does not speak as a host does"
    return "it left when it saw this engine's certificate: its invitation may be of another workspace"


def scheduler_main(
    connection: Connection[Any, Any], parent_pid: int, address: str, credentials: Credentials
) -> None:
    """The process's main: ends with its pipe. `address` is where it listens, `tls://HOST:PORT`."""
    tie_to_parent(parent_pid, killed_first=False)
    configure()
    asyncio.run(_serve(connection, address, credentials))


async def _serve(connection: Connection[Any, Any], address: str, credentials: Credentials) -> None:
    from distributed import Scheduler

    host, _, port = address.removeprefix("tls://").rpartition(":")
    over = asyncio.Event()
    try:
        scheduler = await Scheduler(
            host=host,
            port=int(port),
            protocol="tls",
            dashboard=False,
            dashboard_address="127.0.0.1:0",
            security=security_of(credentials),
        )
    except OSError as error:
        connection.send(NotListening(error.strerror or str(error)))
        return
    gate = Gate(
        (listener.tcp_server.ssl_options for listener in scheduler.listeners), Path(credentials.revocations)
    )
    gate.look(scheduler)
    connections = logging.getLogger("distributed.comm.tcp")
    connections.setLevel(logging.WARNING)
    connections.propagate = False
    connections.addHandler(_TurnedAwayHandler(connection))
    connection.send(Listening(scheduler.address))
    asyncio.get_running_loop().add_reader(connection.fileno(), over.set)
    while not over.is_set():
        gate.look(scheduler)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), LOOKS_EVERY_S)
    await scheduler.close()
