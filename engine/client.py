"""A client of the engine's socket, for the commands and the TUI: asks, waits a bounded time, and says why not."""

from __future__ import annotations

import json
import socket
from typing import Any, Self

from engine.control import MAX_LINE_BYTES, PROTOCOL
from engine.failures import UserError
from engine.snapshot import Snapshot
from engine.workspace import Workspace


class NoEngine(Exception):
    """No engine answers on this workspace's socket; the message says so in one line."""


class Refused(UserError):
    """The engine answered, and said no."""


class EngineClient:
    """One connection; not for several threads at once."""

    def __init__(self, connection: socket.socket, hello: dict[str, Any]) -> None:
        self._socket = connection
        self._buffer = b""
        self._next_id = 0
        self.pid: int = hello["pid"]
        self.version: str = hello["version"]

    @classmethod
    def connect(cls, workspace: Workspace, timeout_s: float = 5.0) -> Self:
        """Raises NoEngine where nothing answers within `timeout_s`, UserError for another protocol."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(workspace.socket_path))
            client = cls(connection, {"pid": 0, "version": ""})
            hello = client._read_line()
        except (OSError, NoEngine) as error:
            connection.close()
            raise NoEngine(f"no engine answers in {workspace.root}") from error
        if hello.get("photostat") != PROTOCOL:
            connection.close()
            raise UserError(
                f"the engine in {workspace.root} is version {hello.get('version')} and speaks another protocol: "
                "use the photostat it was started with"
            )
        client.pid, client.version = hello["pid"], hello["version"]
        return client

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Returns the reply's fields; raises Refused with the engine's reason, NoEngine when it goes away."""
        self._next_id += 1
        request = {"id": self._next_id, "command": name, **arguments}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply = self._read_line()
        except OSError as error:
            raise NoEngine("the engine does not answer any more") from error
        if not reply.pop("ok"):
            raise Refused(str(reply["error"]))
        return reply

    def snapshot(self) -> Snapshot:
        return Snapshot.from_json(self.command("snapshot")["snapshot"])

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_line(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            chunk = self._socket.recv(65536)
            if not chunk or len(self._buffer) > MAX_LINE_BYTES:
                raise NoEngine("the engine has left")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        return document
