"""The engine's own Dask scheduler, a process beside it: hosts and the engine connect to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from engine.hosts.dask_settings import configure, security_of
from engine.hosts.invitations import Credentials
from engine.processes.child import tie_to_parent


@dataclass(frozen=True)
class Listening:
    address: str


@dataclass(frozen=True)
class NotListening:
    why: str


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
    connection.send(Listening(scheduler.address))
    asyncio.get_running_loop().add_reader(connection.fileno(), over.set)
    await over.wait()
    await scheduler.close()
